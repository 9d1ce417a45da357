import { readFileSync } from 'node:fs'
import { type Violation, violation } from './violation.ts'

export type Fields = Readonly<Record<string, unknown>>
export type Outcome = 'ok' | 'fail' | 'info'

/** A call with its outcome, or a note, which has an outcome only. */
export interface Op {
  readonly file: string
  readonly i: number
  readonly client: string
  readonly f: string
  readonly input: Fields
  readonly invokedAt: number
  outcome: Outcome
  output: Fields
  /** Infinity while the outcome is unknown. */
  endedAt: number
}

interface Line {
  readonly i: number
  readonly t: number
  readonly type: 'invoke' | Outcome
  readonly client: string
  readonly f: string
  readonly input: Fields
  readonly output: Fields
}

export interface Histories {
  readonly ops: Op[]
  readonly lines: number
  readonly violations: Violation[]
}

const notes: ReadonlySet<string> = new Set(['start', 'deliver', 'event', 'watch'])

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isType = (value: unknown): value is Line['type'] =>
  value === 'invoke' || value === 'ok' || value === 'fail' || value === 'info'

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function lineOf(value: unknown): Line | undefined {
  if (!isFields(value)) return undefined
  const { i, t, type, client, f, in: input = {}, out: output = {} } = value
  if (typeof i !== 'number' || typeof t !== 'number' || typeof client !== 'string' || typeof f !== 'string')
    return undefined
  // An error as the outcome may have any form.
  if (!isType(type) || !isFields(input)) return undefined
  if (type === 'ok' && !isFields(output)) return undefined
  return { i, t, type, client, f, input, output: isFields(output) ? output : {} }
}

const opened = (file: string, line: Line): Op => ({
  file,
  i: line.i,
  client: line.client,
  f: line.f,
  input: line.input,
  invokedAt: line.t,
  outcome: 'info',
  output: {},
  endedAt: Number.POSITIVE_INFINITY,
})

/** Adds a line to the calls of its file. Returns the fault of a line that matches no call. */
function addLine(file: string, line: Line, calls: Map<number, Op>, ops: Op[], settled: Set<Op>): string | undefined {
  const call = calls.get(line.i)
  if (line.type === 'invoke') {
    if (call) return 'the number of this call is taken'
    const op = opened(file, line)
    calls.set(line.i, op)
    ops.push(op)
    return undefined
  }
  const op = call ?? (notes.has(line.f) ? opened(file, line) : undefined)
  if (!op) return 'an outcome without a call'
  if (settled.has(op)) return 'a second outcome of one call'
  if (op.f !== line.f || op.client !== line.client) return 'the outcome of another call'
  op.outcome = line.type
  op.output = line.output
  op.endedAt = line.t
  settled.add(op)
  if (!call) {
    calls.set(line.i, op)
    ops.push(op)
  }
  return undefined
}

function readFile(file: string, ops: Op[], violations: Violation[]): number {
  const texts = readFileSync(file, 'utf8').split('\n')
  if (texts.at(-1) === '') texts.pop()
  const calls = new Map<number, Op>()
  const settled = new Set<Op>()
  const refuse = (index: number, why: string, text: string) =>
    violations.push(violation('history-malformed', `${file}:${index + 1}`, { why, text: text.slice(0, 500) }))

  for (const [index, text] of texts.entries()) {
    const value = parse(text)
    // A process that is killed while it writes leaves half a line. Its contents are unknown, like a
    // lost reply.
    if (value === undefined && index === texts.length - 1) return index
    const line = lineOf(value)
    if (!line) {
      refuse(index, 'not a line of a history', text)
      continue
    }
    const wrong = addLine(file, line, calls, ops, settled)
    if (wrong) refuse(index, wrong, text)
  }
  return texts.length
}

export function readHistories(files: readonly string[]): Histories {
  const ops: Op[] = []
  const violations: Violation[] = []
  let lines = 0
  for (const file of files) lines += readFile(file, ops, violations)
  return { ops, lines, violations }
}
