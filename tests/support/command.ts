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

/** Runs the built command as a user would, in a folder of its own. */
export function command() {
  const folder = mkdtempSync(join(tmpdir(), 'tony-cli-'))
  const tonyWith = (variables: Readonly<Record<string, string>>, ...argv: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const options = { cwd: folder, env: { ...process.env, ...variables } }
      execFile(process.execPath, [program, ...argv], options, (error, stdout, stderr) => {
        const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0
        resolve({ code, stdout, stderr })
      })
    })
  const tony = (...argv: string[]): Promise<Ended> => tonyWith({}, ...argv)
  return { folder, tony, tonyWith, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
