import type { Client, FeedEvent } from '@tony/mcp-client'
import { atNextFrame, now, startTimer } from '../../clock.ts'
import type { FeedSearch } from './search.ts'

/** A row of the tail: an event, or a place where events are missing. */
export type TailRow =
  | { readonly kind: 'event'; readonly event: FeedEvent; readonly lagMs: number | null }
  | { readonly kind: 'gap'; readonly seq: number; readonly reason: string }

/** The part of the feed on the page. */
export interface TailState {
  /** Newest first. */
  readonly rows: readonly TailRow[]
  /** Cursor after the newest row. */
  readonly cursor: string | undefined
  readonly isPaused: boolean
}

/** Number of rows that are kept, and of events from before the page was opened. */
const rowLimit = 500
const backfillLimit = 100

/** Delay before the feed is followed again after an error, in milliseconds. */
const restartMs = 2_000

interface FeedTailOptions {
  readonly client: Client
  readonly clockAheadMs: number
  readonly filter: FeedSearch
  readonly onChange: (state: TailState) => void
}

/**
 * Follows the feed with a filter. A pause closes the subscription and keeps the cursor, so that the
 * events in between follow when it goes on.
 */
export class FeedTail {
  readonly #options: FeedTailOptions
  #state: TailState = { rows: [], cursor: undefined, isPaused: false }
  #pending: TailRow[] = []
  #following: AbortController | undefined
  /** Time of the server at the start. Earlier events have no lag. */
  #startedAt = 0
  #isClosed = false

  constructor(options: FeedTailOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { client } = this.#options
    const following = new AbortController()
    this.#following = following
    this.#startedAt = this.#serverNow
    try {
      const cursor = this.#state.cursor ?? (await findRecentCursor(client))
      const subscription = client.events.subscribe({ ...this.#filter, cursor }, { signal: following.signal })
      for await (const event of subscription) {
        if (following.signal.aborted) return
        this.#receive(event, subscription.cursor)
      }
    } catch (error) {
      if (following.signal.aborted) return
      this.#addGap(error instanceof Error ? error.message : String(error))
      const cancel = startTimer(restartMs, () => void this.start())
      following.signal.addEventListener('abort', cancel)
    }
  }

  /** Ends the tail. The rows that wait for the next frame are dropped. */
  close(): void {
    this.#isClosed = true
    this.#following?.abort()
  }

  pause(): void {
    this.#following?.abort()
    this.#setState({ isPaused: true })
  }

  resume(): void {
    this.#setState({ isPaused: false })
    void this.start()
  }

  get #serverNow(): number {
    return now() + this.#options.clockAheadMs
  }

  get #filter() {
    const { type, ...filter } = this.#options.filter
    return { ...filter, ...(type === undefined ? {} : { types: [type] }) }
  }

  #receive(event: FeedEvent, cursor: string | undefined): void {
    if (event.type !== 'checkpoint') {
      const at = Date.parse(event.at)
      const lagMs = at < this.#startedAt ? null : Math.max(0, Math.round(this.#serverNow - at))
      this.#add({ kind: 'event', event, lagMs })
    }
    this.#state = { ...this.#state, cursor }
  }

  /**
   * Shows that events are missing: the log no longer has them, or the store was restored. The next
   * start takes a new cursor.
   */
  #addGap(reason: string): void {
    const newest = this.#state.rows.find((row) => row.kind === 'event')
    this.#state = { ...this.#state, cursor: undefined }
    this.#add({ kind: 'gap', seq: newest?.kind === 'event' ? newest.event.seq : 0, reason })
  }

  #add(row: TailRow): void {
    if (this.#pending.length === 0) atNextFrame(() => this.#flush())
    this.#pending.push(row)
    if (this.#pending.length > 2 * rowLimit) this.#pending = this.#pending.slice(-rowLimit)
  }

  #flush(): void {
    if (this.#isClosed) return
    const rows = [...this.#pending.toReversed(), ...this.#state.rows].slice(0, rowLimit)
    this.#pending = []
    this.#setState({ rows })
  }

  #setState(change: Partial<TailState>): void {
    this.#state = { ...this.#state, ...change }
    this.#options.onChange(this.#state)
  }
}

/** Returns a cursor some events before the end of the log. */
async function findRecentCursor(client: Client): Promise<string> {
  const [{ cursor }, { events }] = await Promise.all([client.events.list({ limit: 1 }), client.system.metrics({})])
  const epoch = cursor.slice(0, cursor.lastIndexOf('.'))
  const first = Number(cursor.slice(cursor.lastIndexOf('.') + 1))
  return `${epoch}.${Math.max(events - backfillLimit, first - 1, 0)}`
}
