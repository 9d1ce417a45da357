import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Fault, Suite } from './fault.ts'

export const root = new URL('../../..', import.meta.url).pathname

/** What the process of a fault prints once the fault is in its server: without it, whatever else it says is of a server without. */
export const planted = 'the fault is planted'

const fault = z.object({ name: z.string(), file: z.string(), find: z.string(), replace: z.string() })

/** The fault a process is given in its environment. */
export const faultOf = (text = ''): Fault => fault.parse(JSON.parse(text))

/** What the model tests say of a server with a fault in it. */
export interface Verdict {
  readonly outcome: 'caught' | 'survived' | 'broken' | 'silent'
  /** What they noticed, or why this says nothing. `silent`: its process never got so far. */
  readonly output: string
}

/** The source with the fault in it. Throws where its line is not there, or there twice. */
export function plant({ name, file, find, replace }: Fault, source: string): string {
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`${name}: ${file} has its line ${parts.length - 1} times: ${find}`)
  return parts.join(replace)
}

export const plantInFile = (fault: Fault): string => plant(fault, readFileSync(`${root}${fault.file}`, 'utf8'))

/** How a process of a fault ended. */
interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly output: string
}

/** The tests found a difference where their message says how to come back to it. Anything else that fails is no finding of theirs. */
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
 * Runs the model tests of a suite on a server with the fault in it, in a process of its own, until they notice. One that ends without
 * a word, as when the machine has no memory left for it, says nothing of the fault: it is run again, once.
 */
export async function judged(fault: Fault & { readonly suite: Suite }, runs: number): Promise<Verdict> {
  const verdict = await run(fault, runs)
  return verdict.outcome === 'silent' ? run(fault, runs) : verdict
}
