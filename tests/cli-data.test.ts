import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { TestServer } from './support/server.ts'

const program = fileURLToPath(new URL('../cli/dist/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tony-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the built command as a user would. */
function tony(...argv: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...argv], { cwd: folder }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0
      resolve({ code, stdout, stderr })
    })
  })
}

describe('the command line', () => {
  test('backs up a database that a server uses, proves it, and restores it once the server has stopped', async () => {
    await using server = await TestServer.start()
    await server.connect().tasks.create({ type: 'code', title: 'kept' })
    const made = await tony('backup', '--db-path', server.database, '--json')
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const { path } = JSON.parse(made.stdout)
    expect((await tony('verify', path)).stdout).toContain('is a sound backup')
    await server.connect().tasks.create({ type: 'code', title: 'lost' })
    const early = await tony('restore', path, '--db-path', server.database)
    expect(early).toMatchObject({ code: 75, stdout: '' })
    expect(early.stderr).toContain('another process owns')
    await server.stop()
    const restored = await tony('restore', path, '--db-path', server.database)
    expect(restored.code).toBe(0)
    expect(restored.stdout).toContain('CURSOR_AHEAD')
    await using again = await TestServer.start({ folder: server.folder })
    const { tasks } = await again.connect().tasks.list({})
    expect(tasks.map(({ title }) => title)).toEqual(['kept'])
  })

  test('says what is wrong with a backup, with exit code 1', async () => {
    await using server = await TestServer.start()
    const { stdout } = await tony('backup', '--db-path', server.database, '--to', 'cut', '--json')
    const { path } = JSON.parse(stdout)
    truncateSync(join(folder, path), 9_000)
    const { code, stderr } = await tony('verify', path)
    expect(code).toBe(1)
    expect(stderr).toContain('it is not whole')
  })

  test('goes on with backups until it is stopped, and keeps so many', async () => {
    await using server = await TestServer.start()
    const argv = ['backup', '--db-path', server.database, '--to', 'many', '--every', '1s', '--keep', '1', '--json']
    const child = spawn(process.execPath, [program, ...argv], { cwd: folder })
    const removed: string[] = []
    for await (const line of child.stdout) {
      removed.push(...JSON.parse(String(line)).removed)
      if (removed.length === 1) break
    }
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
    expect(child.exitCode).toBe(0)
    expect(readdirSync(join(folder, 'many')).filter((name) => name.endsWith('.db'))).toHaveLength(1)
  })

  test.each(['0', '1', 'soon', '-1h'])('refuses --every %s', async (time) => {
    const { code, stderr } = await tony('backup', '--every', time)
    expect(code).toBe(1)
    expect(stderr).toContain('such as 15m, 1h or 1d')
  })
})
