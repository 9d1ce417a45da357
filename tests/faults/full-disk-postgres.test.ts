import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { rows } from '../api/given.ts'
import { postgresServer } from '../support/postgres.ts'
import { Cluster } from '../support/postgres-cluster.ts'
import { refusal, TestServer } from '../support/server.ts'
import { mayMount, SmallDisk } from '../support/small-disk.ts'

/** The user that runs PostgreSQL in the tests. */
const nobody = 65_534

async function run(url: string, ...texts: readonly string[]): Promise<void> {
  const client = new Client(url)
  await client.connect()
  for (const text of texts) await client.query(text)
  await client.end()
}

test.skipIf(postgresServer === undefined || !mayMount())(
  'a PostgreSQL with a full disk refuses writes with STORAGE_FULL, answers reads, and accepts writes again without a restart',
  async () => {
    using disk = new SmallDisk(40)
    const place = join(disk.path, 'tables')
    mkdirSync(place, { mode: 0o700 })
    chmodSync(disk.path, 0o755)
    chownSync(place, nobody, nobody)
    await using cluster = await Cluster.start()
    if (!cluster) throw new Error('there is no PostgreSQL')
    await run(
      `${cluster.url}/postgres`,
      `create tablespace small location '${place}'`,
      'create database small tablespace small',
    )
    const postgres = { url: `${cluster.url}/small`, notify: false }
    await using server = await TestServer.start({ clock: systemClock, postgres })
    const lead = server.connect({ deadlineMs: 2_000 })
    const { id } = await lead.tasks.create({ type: 'before' })
    disk.fill()
    const description = Array.from({ length: 3_000 }, () => Math.random().toString(36)).join('')
    const create = () => lead.tasks.create({ type: 'code', description })
    const refusals: string[] = []
    while (refusals.length === 0) {
      const outcome = await create().catch((error: unknown) => error)
      if (outcome instanceof Error) refusals.push((await refusal(Promise.reject(outcome))).code)
    }
    // A client repeats the call until its deadline and then reports the refusal or the deadline.
    expect(['STORAGE_FULL', 'DEADLINE_EXCEEDED']).toContain(refusals[0])
    const [project] = rows<{ id: string }>(server, 'select id from projects')
    const direct = server.parts.store.transact({ project: project?.id ?? '' }, ({ db, t }) =>
      db.insert(t.bodies).values({ id: 'large', payload: `${description}${description}${description}` }),
    )
    await expect(direct).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'pending' })
    // No client writes any more: the server itself finds out that the disk is full and that it has
    // space again.
    const ready = async () => (await fetch(`${server.url}/readyz`)).json()
    await expect.poll(ready).toMatchObject({ status: 'disk_full' })
    disk.free()
    await expect.poll(ready).toMatchObject({ status: 'ok' })
    expect((await lead.tasks.create({ type: 'after', description })).status).toBe('pending')
  },
)
