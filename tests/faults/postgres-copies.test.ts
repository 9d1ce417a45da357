import { join } from 'node:path'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { upTo } from '../store/given.ts'
import { Cluster, programsForCopies } from '../support/postgres-cluster.ts'
import { refusal, type TestAgent, TestServer } from '../support/server.ts'

const programs = programsForCopies()

/** Waits until a query about a cluster returns true. */
async function until(cluster: Cluster, text: string): Promise<void> {
  await expect.poll(async () => (await cluster.ask<{ so: boolean }>(text))?.so).toBe(true)
}

async function primary(): Promise<Cluster> {
  const cluster = await Cluster.start(programs)
  if (!cluster) throw new Error('there is no PostgreSQL')
  return cluster
}

const serving = (url: string) => ({ clock: systemClock, postgres: { url } })

const titlesOf = async (agent: TestAgent): Promise<string[]> => {
  const { events } = await agent.events.list({ limit: 1_000, types: ['task.created'] })
  return events.map(({ data }) => String(Object(data).title))
}

test.skipIf(!programs)('a dump during writes is restored as a prefix of the commits, as another epoch', async () => {
  await using cluster = await primary()
  await using server = await TestServer.start(serving(`${cluster.url}/postgres`))
  const ada = await server.agent('ada', { role: 'tech-lead' })
  const acknowledged: string[] = []
  const write = async () => {
    const title = `task ${acknowledged.length}`
    await ada.tasks.create({ type: 'code', title })
    acknowledged.push(title)
  }
  for (const _ of upTo(50)) await write()
  const before = acknowledged.length
  const lease = leaseOf(await claimOne(ada))
  const file = join(cluster.folder('dumps'), 'tony.dump')
  let dumped = false
  const writing = (async () => {
    while (!dumped) await write()
  })()
  await cluster.run('pg_dump', '--format=custom', `--file=${file}`, `${cluster.url}/postgres`)
  dumped = true
  await writing
  expect(acknowledged.length).toBeGreaterThan(before)
  const ahead = await ada.events.list({ limit: 1_000 })
  await server.stop()
  await cluster.ask('create database restored')
  const restored = `${cluster.url}/restored`
  await cluster.run('pg_restore', '--exit-on-error', '--single-transaction', `--dbname=${restored}`, file)
  await using second = await TestServer.start({ ...serving(restored), folder: server.folder })
  const again = { ...ada, ...second.connect({ token: ada.token }) }
  const titles = await titlesOf(again)
  expect(titles.length).toBeGreaterThanOrEqual(before)
  expect(titles).toEqual(acknowledged.slice(0, titles.length))
  expect((await refusal(again.events.list({ cursor: ahead.cursor }))).code).toBe('CURSOR_AHEAD')
  expect(await again.tasks.complete(lease)).toMatchObject({ status: 'completed' })
})

test.skipIf(!programs)('a base backup and the archived WAL restore an earlier time, as another epoch', async () => {
  await using cluster = await primary()
  const archive = cluster.folder('archive')
  await cluster.end()
  cluster.configure({ archive_mode: 'on', archive_command: `test ! -f ${archive}/%f && cp %p ${archive}/%f` })
  await cluster.begin()
  await using server = await TestServer.start(serving(`${cluster.url}/postgres`))
  const ada = await server.agent('ada', { role: 'tech-lead' })
  const write = (title: string) => ada.tasks.create({ type: 'code', title })
  await write('before the backup')
  await using copy = await cluster.baseBackup()
  await write('after the backup')
  const moment = await cluster.ask<{ at: string }>('select clock_timestamp()::text as at')
  for (const index of upTo(20)) await write(`a mistake, ${index}`)
  const ahead = await ada.events.list({ limit: 1_000 })
  await server.stop()
  const last = await cluster.ask<{ wal: string }>('select pg_walfile_name(pg_switch_wal()) as wal')
  await until(cluster, `select last_archived_wal >= '${last?.wal}' as so from pg_stat_archiver`)
  await cluster.end('immediate')
  copy.configure({
    archive_mode: 'off',
    restore_command: `cp ${archive}/%f %p`,
    recovery_target_time: moment?.at ?? '',
    recovery_target_action: 'promote',
  })
  copy.signal('recovery')
  await copy.begin()
  await until(copy, 'select not pg_is_in_recovery() as so')
  await using second = await TestServer.start({ ...serving(`${copy.url}/postgres`), folder: server.folder })
  const again = { ...ada, ...second.connect({ token: ada.token }) }
  expect(await titlesOf(again)).toEqual(['before the backup', 'after the backup'])
  expect((await refusal(again.events.list({ cursor: ahead.cursor }))).code).toBe('CURSOR_AHEAD')
  await again.tasks.create({ type: 'code', title: 'on another timeline' })
  expect(await titlesOf(again)).toHaveLength(3)
})
