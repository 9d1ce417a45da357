import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { claimOne, leaseOf, rows, tamper } from '../api/given.ts'
import { upTo } from '../store/given.ts'
import { Child } from '../support/child.ts'
import { refusal, TestServer } from '../support/server.ts'
import { mayMount, mebibyte, SmallDisk } from '../support/small-disk.ts'
import { StoreFolder } from '../support/store.ts'

const ballastOf = (server: TestServer): string => `${server.database}.ballast`
const serverOn = (disk: SmallDisk) => TestServer.start({ folder: disk.path, config: { ballastBytes: 4 * mebibyte } })

async function readiness(server: TestServer): Promise<[number, string]> {
  const answer = await fetch(`${server.url}/readyz`)
  const { status }: { status: string } = JSON.parse(await answer.text())
  return [answer.status, status]
}

/** Creates tasks until the disk is full. Returns their number. */
async function exhaust(server: TestServer): Promise<number> {
  const lead = server.connect({ deadlineMs: 1_500 })
  const description = 'x'.repeat(50_000)
  for (let created = 0; ; created += 1) {
    const outcome = await lead.tasks
      .create({ type: 'code', requires: ['nobody has this'], description })
      .catch((error: unknown) => error)
    if (!(outcome instanceof Error)) continue
    expect(outcome).toMatchObject({ code: expect.stringMatching(/STORAGE_FULL|DEADLINE_EXCEEDED/) })
    return created
  }
}

describe.runIf(mayMount())('on a full disk', () => {
  test('writes are refused with STORAGE_FULL, reads are answered and the ballast is deleted; with space again all continues without an operator', async () => {
    using disk = new SmallDisk(24)
    await using server = await serverOn(disk)
    await server.sweep()
    expect(statSync(ballastOf(server)).size).toBe(4 * mebibyte)
    const ada = await server.agent('ada')
    await server.connect().tasks.create({ type: 'held' })
    const held = await claimOne(ada, { leaseMs: 5_000 })
    disk.fill()
    const created = await exhaust(server)
    expect(existsSync(ballastOf(server))).toBe(false)
    expect(server.parts.store.diskSpace?.full).toBe(true)
    const lead = server.connect({ deadlineMs: 300 })
    expect(rows(server, 'select count(*) as n from tasks')).toEqual([{ n: created + 1 }])
    expect(await lead.tasks.get({ taskId: held.id })).toMatchObject({ status: 'in_progress' })
    await server.advance(60_000)
    expect(server.parts.store.diskSpace?.full).toBe(true)
    disk.free()
    await server.sweep()
    expect(server.parts.store.diskSpace?.full).toBe(false)
    expect(statSync(ballastOf(server)).size).toBe(4 * mebibyte)
    await server.sweep()
    expect(await lead.tasks.get({ taskId: held.id })).toMatchObject({ status: 'in_progress', failures: 0 })
    expect(await ada.tasks.complete(leaseOf(held))).toMatchObject({ status: 'completed' })
    expect(rows(server, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
  })

  test('the server is not ready until a write can succeed, and logs the start and the end and no refused write', async () => {
    using disk = new SmallDisk(24)
    using logs = new StoreFolder()
    const config = { ballastBytes: 4 * mebibyte, logDir: logs.path, logLevel: 'info' as const }
    await using server = await TestServer.start({ folder: disk.path, config })
    await server.sweep()
    expect(await readiness(server)).toEqual([200, 'ok'])
    disk.fill()
    await exhaust(server)
    for (const _ of upTo(20)) await refusal(server.connect({ deadlineMs: 50 }).tasks.create({ type: 'code' }))
    expect(await readiness(server)).toEqual([503, 'disk_full'])
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
    disk.free()
    await server.sweep()
    expect(await readiness(server)).toEqual([200, 'ok'])
    await server.stop()
    const log = readFileSync(join(logs.path, 'mcp-server.log'), 'utf8').trim().split('\n')
    const lines = log.map((line): { level: number; msg: string } => JSON.parse(line))
    expect(lines.filter(({ level }) => level >= 50).map(({ msg }) => msg)).toEqual([
      'the disk is full: writes are refused with STORAGE_FULL',
    ])
    expect(lines.at(-1)?.msg).toBe('the disk has space again: writes are accepted')
  })

  test('retention deletes old rows, although nothing else can be written', async () => {
    using disk = new SmallDisk(24)
    await using server = await serverOn(disk)
    await server.sweep()
    const description = 'x'.repeat(50_000)
    for (const _ of upTo(20)) await server.connect().tasks.create({ type: 'code', requires: ['x'], description })
    disk.fill()
    await exhaust(server)
    const lead = server.connect({ deadlineMs: 300 })
    expect((await refusal(lead.plans.begin({ name: 'x' }))).code).toMatch(/STORAGE_FULL|DEADLINE_EXCEEDED/)
    tamper(server, `update tasks set status = 'cancelled', ready = null, created_at = 1, completed_at = 1`)
    for (const _ of upTo(3)) await server.sweep()
    expect(rows(server, 'select count(*) as n from tasks')).toEqual([{ n: 0 }])
  })
})

test('a server whose database is damaged during its run ends with an error and answers nothing more', async () => {
  using folder = new StoreFolder()
  await using child = new Child('damage.ts', folder.file)
  await child.says('damaged')
  const { code, errors } = await child.end()
  expect(code).toBe(1)
  expect(errors).toMatch(/SQLITE_CORRUPT|malformed/)
})
