import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Fault, Suite } from './fault.ts'

export const root = new URL('../../..', import.meta.url).pathname

/**
 * The text that the process of a fault prints once the fault is in its server. Without it, the
 * output is about a server without a fault.
 */
export const planted = 'the fault is planted'

const fault = z.object({ name: z.string(), file: z.string(), find: z.string(), replace: z.string() })

/** Parses the fault that a process receives in its environment. */
export const faultOf = (text = ''): Fault => fault.parse(JSON.parse(text))

/** The result of the model tests on a server with a fault. */
export interface Verdict {
  readonly outcome: 'caught' | 'survived' | 'broken' | 'silent'
  /**
   * The difference that was found, or the reason why there is no result. `silent` means that the
   * process ended before the tests.
   */
  readonly output: string
}

/** Returns the source with the fault. Throws if the line of the fault is absent or occurs twice. */
export function plant({ name, file, find, replace }: Fault, source: string): string {
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`${name}: ${file} has its line ${parts.length - 1} times: ${find}`)
  return parts.join(replace)
}

export const plantInFile = (fault: Fault): string => plant(fault, readFileSync(`${root}${fault.file}`, 'utf8'))

/** The end of the process of a fault. */
interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/**
 * Returns the verdict of a process. A fault is `caught` only if the tests printed the seed that
 * repeats the difference; any other failure is `broken`.
 */
export function verdictOf({ code, signal, output }: Ended): Verdict {
  if (output.trim() === '') return { outcome: 'silent', output: `ended without a word, by ${signal ?? `code ${code}`}` }
  if (!output.includes(planted)) return { outcome: 'broken', output: `not planted: ${output.slice(-400)}` }
  if (code === 0) return { outcome: 'survived', output: 'nothing' }
  const cause = /Caused by: (?:\S*Error: )?(.*)/.exec(output)?.[1] ?? ''
  const found = output.includes('MODEL_PATH=') && !/syntax error|no such column|is not defined/.test(output)
  return found
    ? { outcome: 'caught', output: cause.slice(0, 90) }
    : { outcome: 'broken', output: cause === '' ? output.slice(-400) : cause }
}

function run(fault: Fault & { readonly suite: Suite }, runs: number): Promise<Verdict> {
  const { suite, ...rest } = fault
  const child = spawn(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config=tests/model/sabotage/sabotage.config.ts',
      `tests/model/${suite}.test.ts`,
    ],
    {
      cwd: root,
      env: {
        ...process.env,
        MODEL_FAULT: JSON.stringify(rest),
        MODEL_SEED: '1',
        MODEL_RUNS: String(runs),
        MODEL_BAIL: '1',
        NO_COLOR: '1',
      },
    },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      output += data.toString()
    })
  return new Promise((resolve) => child.on('close', (code, signal) => resolve(verdictOf({ code, signal, output }))))
}

/**
 * Runs the model tests of a suite on a server with the fault, in a process of their own, until they
 * find it. A process that ends without output, for example for lack of memory, gives no result and
 * is run once more.
 */
export async function judged(fault: Fault & { readonly suite: Suite }, runs: number): Promise<Verdict> {
  const verdict = await run(fault, runs)
  return verdict.outcome === 'silent' ? run(fault, runs) : verdict
}
