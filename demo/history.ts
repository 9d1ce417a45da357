import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import type { CallRecord } from '@tony/mcp-client'

/** The procedures in a history, and their names for the history checker. */
const recordedProcedures: Readonly<Record<string, string>> = {
  'tasks.claim': 'claim',
  'tasks.next': 'next',
  'tasks.complete': 'complete',
  'tasks.fail': 'fail',
  'tasks.release': 'release',
  'tasks.requestInput': 'requestInput',
  'tasks.lock': 'lock',
  'tasks.verify': 'verify',
  'tasks.provideInput': 'provideInput',
  'tasks.cancel': 'cancel',
  'tasks.retryMany': 'retry',
  'tasks.adopt': 'adopt',
  'messages.deadLetters.redrive': 'redrive',
  'messages.send': 'send',
  'messages.ack': 'ack',
  'messages.nak': 'nak',
}

export const hashOf = (payload: unknown): string =>
  createHash('sha256').update(JSON.stringify(payload)).digest('base64url').slice(0, 16)

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/**
 * Returns the recorded input. A send is recorded with its key and the hash of its payload, any
 * other input as it is.
 */
function inputOf(path: string, input: unknown): unknown {
  if (path !== 'messages.send' || !isRecord(input)) return input
  const { to, type, payload, idempotencyKey } = input
  return { key: idempotencyKey, to, type, payloadHash: hashOf(payload) }
}

/**
 * Returns the recorded output. A claim is recorded with the leases alone, because the history
 * checker needs nothing else.
 */
function outputOf(path: string, output: unknown): unknown {
  if ((path !== 'tasks.claim' && path !== 'tasks.next') || !isRecord(output) || !Array.isArray(output['tasks']))
    return output
  return {
    tasks: output['tasks']
      .filter(isRecord)
      .map(({ id, attempt, leaseToken, leaseExpiresAt }) => ({ id, attempt, leaseToken, leaseExpiresAt })),
  }
}

/**
 * The history of one process: a line for each call and each reply, written before the process acts
 * on it. A killed process loses at most its last partial line.
 */
export class History {
  readonly #file: number
  readonly #remarks: number
  readonly #client: string
  readonly #openCalls = new Map<number, { i: number; at: number }>()
  #lastCall = 0

  constructor(path: string, client: string) {
    this.#file = openSync(path, 'a')
    this.#remarks = openSync(`${path}.remarks`, 'a')
    this.#client = client
  }

  /** Records an observation that is not the result of a call. */
  note(f: string, out: Record<string, unknown>): void {
    this.#write({ i: this.#nextCall(), type: 'ok', f, out })
  }

  /** Records a fact for readers of the run, in a file that the history checker ignores. */
  remark(f: string, out: Record<string, unknown>): void {
    writeSync(this.#remarks, `${JSON.stringify({ f, out, t: Date.now() })}\n`)
  }

  readonly onCall = (record: CallRecord): void => {
    const f = recordedProcedures[record.path]
    if (f === undefined) return
    if (record.type === 'invoke') {
      const i = this.#nextCall()
      this.#openCalls.set(record.op, { i, at: performance.now() })
      const waits = isRecord(record.input) && record.input['waitMs'] !== undefined
      return this.#write({ i, type: 'invoke', f, in: inputOf(record.path, record.input), waits })
    }
    const started = this.#openCalls.get(record.op)
    this.#openCalls.delete(record.op)
    const ms = started ? Math.round((performance.now() - started.at) * 100) / 100 : undefined
    const outcome =
      record.type === 'ok' ? { out: outputOf(record.path, record.output) } : { out: { error: String(record.error) } }
    this.#write({ i: started?.i, type: record.type, f, ...outcome, ms })
  }

  close(): void {
    closeSync(this.#file)
    closeSync(this.#remarks)
  }

  #nextCall(): number {
    this.#lastCall += 1
    return this.#lastCall
  }

  #write(line: Record<string, unknown>): void {
    writeSync(this.#file, `${JSON.stringify({ ...line, t: Date.now(), client: this.#client })}\n`)
  }
}
