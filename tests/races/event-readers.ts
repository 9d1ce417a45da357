import { openStream, poll } from '../bridge/events-client.ts'
import type { Answer } from '../support/webhook-receiver.ts'

export const created = { name: 'task.created' as const }

type Roll = (sides: number) => number

interface Addressed {
  readonly url: string
}

/** The durable state of a reader over its restarts. An event that comes again changes nothing. */
export class ReaderState {
  /** The tasks of the events, in the order in which each event came first. */
  readonly tasks: string[] = []
  /** The cursors of `truncated` and of gaps. */
  readonly gaps: string[] = []
  /** Events that came more than once. */
  repeats = 0
  cursor: string
  readonly #ids = new Set<string>()

  constructor(cursor: string) {
    this.cursor = cursor
  }

  store(eventId: unknown, subject: unknown): void {
    const id = String(eventId)
    if (this.#ids.has(id)) {
      this.repeats += 1
      return
    }
    this.#ids.add(id)
    this.tasks.push(String(subject))
  }
}

/** True for an error of a replica that has been killed, or whose database did not reply in time. */
const isDown = (error: unknown): boolean =>
  error instanceof TypeError || (error instanceof Error && /^(the stream ended|STORE_UNAVAILABLE)/.test(error.message))

function ignoreDown(error: unknown): void {
  if (!isDown(error)) throw error
}

/** Access of a reader to the replicas: each request goes to any of them. */
export class ReaderAccess {
  readonly roll: Roll
  readonly #replicas: readonly Addressed[]

  constructor(replicas: readonly Addressed[], roll: Roll) {
    this.#replicas = replicas
    this.roll = roll
  }

  get any(): Addressed {
    const server = this.#replicas[this.roll(this.#replicas.length)]
    if (!server) throw new Error('there are no replicas')
    return server
  }
}

/**
 * Polls pages of any size until the reader has stored this number of events. One save of the cursor
 * in four is lost by a restart.
 */
export async function pollUntil(state: ReaderState, access: ReaderAccess, count: number): Promise<void> {
  const { roll } = access
  const readPage = async () => {
    const page = await poll(access.any, { ...created, cursor: state.cursor, maxEvents: 1 + roll(300) })
    if (page.truncated) state.gaps.push(page.cursor)
    for (const { eventId, data } of page.events) state.store(eventId, data.subject)
    if (page.truncated || roll(4) > 0) state.cursor = page.cursor
  }
  while (state.tasks.length < count) await readPage().catch(ignoreDown)
}

/**
 * Reads streams until the reader has stored this number of events. A stream ends after any number
 * of messages, and one save of the cursor in four is lost.
 */
export async function streamUntil(state: ReaderState, access: ReaderAccess, count: number): Promise<void> {
  const { roll } = access
  const readStream = async () => {
    using stream = await openStream(access.any, { ...created, cursor: state.cursor })
    for (let left = 1 + roll(120); left > 0 && state.tasks.length < count; left -= 1) {
      const { method, params } = await stream.next()
      // The last messages of a stream have no cursor.
      if (typeof params?.['cursor'] !== 'string') throw new Error('the stream ended')
      const data: { readonly subject?: unknown } = { ...(params['data'] ?? {}) }
      if (method === 'notifications/events/event') state.store(params['eventId'], data.subject)
      const isGap = params['truncated'] === true
      if (isGap) state.gaps.push(params['cursor'])
      if (isGap || roll(4) > 0) state.cursor = params['cursor']
    }
  }
  while (state.tasks.length < count) await readStream().catch(ignoreDown)
}

/** An event in the body of a delivery. */
interface DeliveredEvent {
  readonly eventId?: unknown
  readonly data?: { readonly subject?: unknown }
}

/** Stores the events of a body: of one event, or of the format `batch`. */
function storeBody(state: ReaderState, body: Readonly<Record<string, unknown>>): void {
  if (body['type'] === 'gap') {
    state.gaps.push(String(body['cursor']))
    return
  }
  const events: readonly DeliveredEvent[] = Array.isArray(body['events']) ? body['events'] : [body]
  for (const { eventId, data } of events) state.store(eventId, data?.subject)
}

/**
 * Returns an endpoint that ends without a reply once in `failOneIn` deliveries before it has stored
 * the event, and as often after that.
 */
export const storeDeliveries =
  (state: ReaderState, roll: Roll, failOneIn: number): Answer =>
  ({ body }, response) => {
    const fate = roll(failOneIn)
    if (fate !== 1) storeBody(state, body)
    if (fate > 2) return 200
    response.destroy()
    return undefined
  }
