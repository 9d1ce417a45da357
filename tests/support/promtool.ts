import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const installed = fileURLToPath(new URL('../../node_modules/.prometheus/usr/bin/promtool', import.meta.url))

/** The program of `TONY_PROMTOOL` or of `scripts/install-promtool`, if there is one. */
export const promtool = process.env['TONY_PROMTOOL'] ?? (existsSync(installed) ? installed : undefined)
if (promtool === undefined)
  process.stdout.write('SKIPPED: no promtool for the tests of the metrics: run scripts/install-promtool\n')

/** Runs promtool. Returns its exit code and everything that it printed. */
export const runPromtool = (argv: readonly string[], input = ''): Promise<{ code: number; output: string }> =>
  new Promise((resolve) => {
    const child = execFile(promtool ?? '', argv, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr })
    })
    child.stdin?.end(input)
  })
