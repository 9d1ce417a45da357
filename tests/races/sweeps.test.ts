import { expireLeases } from '@tony/mcp-server/sweeps/expire-leases'
import { runSweep } from '@tony/mcp-server/sweeps/runner'
import { describe, expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { postgresServer } from '../support/postgres.ts'
import { Replicas } from '../support/replicas.ts'
import { roundsOf } from '../support/rounds.ts'

const rounds = roundsOf({ part: 2, full: 20, variable: 'ROUNDS' })
const tasks = 60

describe.skipIf(postgresServer === undefined).each([true, false])(
  'concurrent sweeps of two replicas, with the writer lock: %s',
  (writerLock) => {
    test(`end each expired lease once, ${rounds} times`, {
      timeout: 60_000 + rounds * 5_000,
    }, async () => {
      await using replicas = await Replicas.start({ writerLock })
      const { first, second, database } = replicas
      const ann = await first.agent('ann')
      await first.connect().tasks.createMany({ tasks: upTo(tasks).map(() => ({ type: 'code', maxAttempts: 100 })) })
      for (const round of upTo(rounds)) {
        let claimed = 0
        while (claimed < tasks) claimed += (await ann.tasks.claim({ limit: 32 })).tasks.length
        await database.raw((client) =>
          client.query("update tasks set lease_expires_at = 1 where status = 'in_progress'"),
        )
        // The servers run sweeps too. Each passes over rows that another one has locked.
        const running = async () => (await database.rows("select id from tasks where status = 'in_progress'")).length
        while ((await running()) > 0)
          await Promise.all([first, second, first, second].map(({ parts }) => runSweep(parts, expireLeases)))
        const rows = await database.rows(
          'select status, failures, attempt, count(*) as tasks from tasks group by 1, 2, 3',
        )
        expect(rows).toEqual([{ status: 'pending', failures: round, attempt: round, tasks }])
        const told = await database.rows("select count(*) as events from event_log where type = 'task.expired'")
        expect(told).toEqual([{ events: round * tasks }])
        await database.raw((client) => client.query('update tasks set not_before = null'))
      }
    })
  },
)
