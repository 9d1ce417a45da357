import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The built command. */
export const program = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url))

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Returns a function that runs the built command in a folder of its own, as a user does. */
export function command(settings: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tony-cli-'))
  const tonyWith =
    (environment: Readonly<Record<string, string>>) =>
    (...argv: string[]): Promise<Ended> =>
      new Promise((resolve) => {
        // The contexts of this machine's user have no part in a test.
        const env = { ...process.env, XDG_CONFIG_HOME: join(folder, 'config'), ...environment }
        execFile(process.execPath, [program, ...argv], { cwd: folder, env }, (error, stdout, stderr) => {
          const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0
          resolve({ code, stdout, stderr })
        })
      })
  return { folder, tony: tonyWith(settings), tonyWith, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
