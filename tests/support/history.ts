import { createHash } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import type { CallRecord } from '@tony/mcp-client'
import { isFields, type Outcome } from './verify/history.ts'

const hashOf = (payload: unknown): string => createHash('sha256').update(JSON.stringify(payload)).digest('hex')

/** Returns the parts of a call's input that the rules need. */
function inputOf(path: string, input: unknown): unknown {
  if (path !== 'messages.send' || !isFields(input)) return input
  const { to, type, payload, idempotencyKey } = input
  return { key: idempotencyKey, to, type, payloadHash: hashOf(payload) }
}

/**
 * Records the calls and replies of one client in the form that `verify` reads: pass `onCall` to the
 * client.
 */
export class History {
  readonly file: string
  readonly #client: string
  readonly #extra: () => object
  /** The numbers of the open calls in the file, by the client's own numbers. */
  readonly #calls = new Map<number, number>()
  #last = 0

  /** `extra` has the further fields of each line, such as where it stands in a trace. */
  constructor(file: string, client: string, extra: () => object = () => ({})) {
    this.file = file
    this.#client = client
    this.#extra = extra
    appendFileSync(file, '')
  }

  readonly onCall = (record: CallRecord): void => {
    const f = record.path.slice(record.path.indexOf('.') + 1)
    if (record.type === 'invoke') {
      const i = this.#next()
      this.#calls.set(record.op, i)
      return this.#write({ i, type: 'invoke', f, in: inputOf(record.path, record.input) })
    }
    const i = this.#calls.get(record.op)
    const out = record.type === 'ok' ? record.output : { error: String(record.error) }
    this.#write({ i, type: record.type, f, out })
    if (record.type === 'ok' && record.path === 'messages.receive') this.#noteDeliveries(record.output)
  }

  /** Records something that arrived without a call. */
  note(f: 'start' | 'deliver' | 'event' | 'watch', out: object): void {
    this.#write({ i: this.#next(), type: 'ok', f, out })
  }

  #noteDeliveries(output: unknown): void {
    const messages = isFields(output) && Array.isArray(output['messages']) ? output['messages'].filter(isFields) : []
    for (const { id, receipt, attempt, payload, to } of messages)
      this.note('deliver', { messageId: id, receipt, attempt, payloadHash: hashOf(payload), agentId: to })
  }

  #next(): number {
    this.#last += 1
    return this.#last
  }

  #write(line: { i: number | undefined; type: 'invoke' | Outcome; f: string; in?: unknown; out?: unknown }): void {
    const common = { t: performance.now(), client: this.#client, ...this.#extra() }
    appendFileSync(this.file, `${JSON.stringify({ ...common, ...line })}\n`)
  }
}
