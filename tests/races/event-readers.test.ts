import { describe, expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { dice } from '../support/dice.ts'
import { postgresServer } from '../support/postgres.ts'
import { CuttingReplicas } from './cutting-replicas.ts'
import { pollUntil, ReaderAccess, ReaderState, streamUntil } from './event-readers.ts'
import { playKilledReplicas } from './killed-replicas.ts'

describe.skipIf(postgresServer === undefined)('on three replicas', () => {
  test('readers that restart get each of 2,000 events once, in order, over 4 kills', { timeout: 400_000 }, () =>
    playKilledReplicas({ kills: 4, batchesPerKill: 5, batch: 100, seed: 7, format: 'mcp' }),
  )

  test('readers are told of a gap exactly where retention has deleted unread events', async () => {
    await using replicas = await CuttingReplicas.start()
    let gaps = 0
    for (const seed of upTo(6)) {
      const roll = dice(seed)
      const access = new ReaderAccess(replicas.servers, roll)
      const written = await replicas.writeAndCut(roll)
      for (const read of [pollUntil, streamUntil])
        for (const from of written.cursors) {
          const [state, wanted] = [new ReaderState(from), written.after(from)]
          await read(state, access, wanted.tasks.length)
          if (wanted.tasks.length > 0) expect(state).toMatchObject(wanted)
        }
      const { state, wanted } = await replicas.resumeWebhook(written, roll)
      await expect
        .poll(() => [state.tasks.length, state.gaps.length])
        .toEqual([wanted.tasks.length, wanted.gaps.length])
      expect(state).toMatchObject(wanted)
      gaps += wanted.gaps.length
    }
    // Some rounds cut before the position of the webhook, and others behind it.
    expect([gaps > 0, gaps < 6]).toEqual([true, true])
  })
})
