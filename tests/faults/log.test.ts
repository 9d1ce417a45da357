import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { ServerProcess } from '../support/server-process.ts'
import { mayMount, mebibyte, SmallDisk } from '../support/small-disk.ts'

const everyCall = { LOG_LEVEL: 'debug' }
const dropped = 'tony_log_lines_dropped_total'

/** More bytes than the server buffers for its log. */
const filledBytes = 1.5 * mebibyte

/** Makes the server log a line for each of many refused calls. */
async function fillLog({ url }: ServerProcess): Promise<void> {
  const batch = upTo(20).map(() => 'tasks.list')
  const lineBytes = 200
  for (const _ of upTo(filledBytes / lineBytes / batch.length)) {
    const answer = await fetch(`${url}/trpc/${batch.join()}?batch=1&input={}`, { signal: AbortSignal.timeout(10_000) })
    await answer.text()
  }
}

interface Descriptor extends Disposable {
  readonly fd: number
}

const opened = (path: string): Descriptor => {
  const fd = openSync(path, 'a')
  return { fd, [Symbol.dispose]: () => closeSync(fd) }
}

async function stopMs(server: ServerProcess): Promise<{ code: number | null; ms: number }> {
  const start = performance.now()
  const code = await server.stop()
  return { code, ms: performance.now() - start }
}

const lines = (file: string): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('a log that cannot be written', () => {
  test.runIf(existsSync('/dev/full'))(
    'does not stop a server whose outputs are on a full device: it answers, counts the lines and ends',
    async () => {
      using full = opened('/dev/full')
      await using server = await ServerProcess.start({ env: everyCall, output: full.fd, errors: full.fd })
      await fillLog(server)
      expect(await server.status('/livez')).toBe(200)
      expect(await server.metric(dropped)).toBeGreaterThan(0)
      const { code, ms } = await stopMs(server)
      expect(code).toBe(0)
      expect(ms).toBeLessThan(5_000)
    },
    60_000,
  )

  test('does not stop a server whose outputs are pipes without a reader', async () => {
    await using server = await ServerProcess.start({ env: everyCall, output: 'pipe', errors: 'pipe' })
    await fillLog(server)
    expect(await server.status('/livez')).toBe(200)
    expect(await server.metric(dropped)).toBeGreaterThan(0)
    const { code, ms } = await stopMs(server)
    expect(code).toBe(0)
    expect(ms).toBeLessThan(5_000)
  })

  test('does not stop a server whose outputs are closed pipes', async () => {
    await using server = await ServerProcess.start({ env: everyCall, output: 'pipe', errors: 'pipe' })
    server.process.stdout?.destroy()
    server.process.stderr?.destroy()
    await fillLog(server)
    expect(await server.status('/livez')).toBe(200)
    expect(await server.metric(dropped)).toBeGreaterThan(0)
    expect((await stopMs(server)).code).toBe(0)
  })

  test('does not stop a server whose LOG_DIR cannot be created: it reports that on standard error and replies', async () => {
    await using server = await ServerProcess.start({ env: { LOG_DIR: '/dev/null/log' }, errors: 'pipe' })
    let errors = ''
    server.process.stderr?.on('data', (data: Buffer) => {
      errors += String(data)
    })
    await expect.poll(() => errors).toMatch(/LOG_DIR.*ENOTDIR/)
    expect(await server.status('/readyz')).toBe(200)
    expect((await stopMs(server)).code).toBe(0)
  })
})

describe.runIf(mayMount())('a LOG_DIR on a full disk', () => {
  test('does not stop the server, and with space again the log continues with the number of lost lines', async () => {
    using disk = new SmallDisk(4)
    await using server = await ServerProcess.start({ env: { ...everyCall, LOG_DIR: disk.path } })
    const file = join(disk.path, 'mcp-server.log')
    disk.fill()
    await fillLog(server)
    expect(await server.status('/livez')).toBe(200)
    await expect.poll(() => server.metric(dropped)).toBeGreaterThan(0)
    const lost = await server.metric(dropped)
    disk.free()
    await expect.poll(() => lines(file).filter(({ dropped: count }) => count === lost)).toHaveLength(1)
    expect((await stopMs(server)).code).toBe(0)
    expect(lines(file).at(-1)).toMatchObject({ time: expect.any(String) })
  })

  test('that stays full prevents neither the replies of the server nor its end', async () => {
    using disk = new SmallDisk(2)
    await using server = await ServerProcess.start({ env: { ...everyCall, LOG_DIR: disk.path } })
    disk.fill()
    await fillLog(server)
    expect(await server.status('/livez')).toBe(200)
    const { code, ms } = await stopMs(server)
    expect(code).toBe(0)
    expect(ms).toBeLessThan(5_000)
  })
})
