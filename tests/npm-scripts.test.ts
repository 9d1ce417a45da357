import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { acquireLock } from '@tony/mcp-server/store/sqlite/file-lock'
import { expect, test } from 'vitest'
import { freePort } from './support/free-port.ts'
import { StoreFolder } from './support/store.ts'

const rootOf = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/**
 * Creates a package with the scripts of this repository and its built command. Its build does
 * nothing.
 */
function createPackage(folder: string): void {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync(rootOf('package.json'), 'utf8'))
  const ours = { name: 'ours', version: '1.0.0', scripts: { ...scripts, build: 'node -e 0' } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(ours))
  symlinkSync(rootOf('cli'), join(folder, 'cli'))
}

/** True while a process of the group is alive. */
function isAlive(group: number): boolean {
  try {
    return process.kill(-group, 0)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}

test.each(['dev', 'serve', 'start', 'mcp:start'])(
  'SIGTERM to npm run %s ends the server too, and frees its file and its port',
  async (script) => {
    using folder = new StoreFolder()
    createPackage(folder.path)
    const port = await freePort()
    const env = {
      // The Node of this test comes first in the path, because npm may belong to another one.
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      HOME: folder.path,
      DATABASE_PATH: folder.file,
      MCP_PORT: String(port),
    }
    // The process has a group of its own, so that the test finds a server that does not end.
    const npm = spawn('npm', ['run', script], { cwd: folder.path, env, stdio: 'ignore', detached: true })
    const group = npm.pid ?? 0
    try {
      const answers = () =>
        fetch(`http://127.0.0.1:${port}/livez`).then(
          ({ status }) => status,
          () => 0,
        )
      await expect.poll(answers).toBe(200)
      const ended = once(npm, 'exit')
      npm.kill('SIGTERM')
      await ended
      await expect.poll(() => isAlive(group)).toBe(false)
      const release = acquireLock(folder.file)
      expect(release).toBeDefined()
      release?.()
      expect(await answers()).toBe(0)
    } finally {
      if (isAlive(group)) process.kill(-group, 'SIGKILL')
    }
  },
)
