import type { QueryClient } from '@tanstack/react-query'
import { type Client, type FeedEvent, TonyError } from '@tony/mcp-client'
import { atNextFrame, now, startTimer } from '../clock.ts'
import { ThrottledInvalidation } from './throttled-invalidation.ts'

/** The state of the connection to the feed, as people see it. */
export interface LiveState {
  readonly kind: 'live' | 'reconnecting' | 'ended'
  /** Time of the last change of `kind`. */
  readonly since: number
  /** Time from the commit of the last event to its arrival; null before the first one. */
  readonly lagMs: number | null
  /** Why the connection was lost. */
  readonly reason: string | undefined
}

/** Called with the events of a frame, in the order of their commits. */
export type BatchListener = (events: readonly FeedEvent[]) => void

interface LiveFeedOptions {
  readonly client: Client
  readonly queries: QueryClient
  readonly clockAheadMs: number
}

/**
 * Number of events between two frames beyond which the page reads its data again. A hidden
 * page collects that many in a while.
 */
const batchLimit = 2_000

/** Number of recent events that are applied to a reply that was under way meanwhile. */
const recentLimit = 2_000

/** Delay before the feed is followed again after an error, in milliseconds. */
const restartMs = 2_000

/**
 * The one subscription of a page. Its events reach the listeners once a frame, however many there
 * are, and each listener patches its own part of the cache. Nothing is polled.
 */
export class LiveFeed {
  readonly #options: LiveFeedOptions
  readonly #invalidation: ThrottledInvalidation
  readonly #batchListeners = new Set<BatchListener>()
  readonly #stateListeners = new Set<() => void>()
  readonly #ended = new AbortController()
  #state: LiveState = { kind: 'reconnecting', since: now(), lagMs: null, reason: undefined }
  #batch: FeedEvent[] = []
  #recent: FeedEvent[] = []
  /** Number of events so far; a position in the order of their arrival. */
  #count = 0
  /** The position of the last event that the listeners have got. */
  #flushed = 0
  #hasLost = false

  constructor(options: LiveFeedOptions) {
    this.#options = options
    this.#invalidation = new ThrottledInvalidation(options.queries)
  }

  start(): void {
    const { connection } = this.#options.client
    this.#setState({ kind: connection.state === 'open' ? 'live' : 'reconnecting' })
    const unsubscribe = connection.onChange(({ state, reason }) => {
      const kind = state === 'open' ? 'live' : state === 'closed' ? 'ended' : 'reconnecting'
      if (kind !== this.#state.kind) this.#setState({ kind, reason })
    })
    this.#ended.signal.addEventListener('abort', unsubscribe)
    void this.#follow()
  }

  close(): void {
    this.#ended.abort()
    this.#invalidation.close()
  }

  get state(): LiveState {
    return this.#state
  }

  /** Calls `listener` on each change of the state. Returns a function that removes it. */
  readonly onState = (listener: () => void): (() => void) => {
    this.#stateListeners.add(listener)
    return () => void this.#stateListeners.delete(listener)
  }

  /** Calls `listener` with the events of each frame. Returns a function that removes it. */
  onBatch(listener: BatchListener): () => void {
    this.#batchListeners.add(listener)
    return () => void this.#batchListeners.delete(listener)
  }

  /** The position of the last event that the pages show. */
  get position(): number {
    return this.#flushed
  }

  /**
   * Returns the events that arrived after a position. If there are more than are kept, it returns
   * the recent ones, and the page reads its data again.
   */
  eventsSince(position: number): readonly FeedEvent[] {
    const missing = this.#count - position
    if (missing > this.#recent.length) this.#invalidation.request([], 1_000)
    return missing <= 0 ? [] : this.#recent.slice(-missing)
  }

  /** Reads the queries below a key again, at most once in `everyMs`. */
  invalidate(key: readonly unknown[], everyMs: number): void {
    this.#invalidation.request(key, everyMs)
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ended
    try {
      for await (const event of this.#options.client.events.subscribe({}, { signal })) this.#receive(event)
    } catch (error) {
      // The log no longer has the events after the cursor, or the store was restored: everything
      // that is shown may be outdated.
      if (signal.aborted || (error instanceof TonyError && error.code === 'CLIENT_CLOSED')) return
      const reason = error instanceof Error ? error.message : String(error)
      // A key without the scope of the feed gets the same refusal each time.
      if (error instanceof TonyError && error.code === 'FORBIDDEN') return this.#setState({ kind: 'ended', reason })
      this.#setState({ kind: 'reconnecting', reason })
    }
    if (signal.aborted) return
    const cancel = startTimer(restartMs, () => {
      void this.#options.queries.invalidateQueries()
      this.#setState({ kind: this.#options.client.connection.state === 'open' ? 'live' : 'reconnecting' })
      void this.#follow()
    })
    signal.addEventListener('abort', cancel)
  }

  #receive(event: FeedEvent): void {
    if (event.type === 'checkpoint') return
    if (this.#batch.length === 0 && !this.#hasLost) atNextFrame(() => this.#flush())
    if (this.#batch.length < batchLimit) this.#batch.push(event)
    else this.#hasLost = true
    this.#count += 1
    this.#recent.push(event)
    if (this.#recent.length > 2 * recentLimit) this.#recent = this.#recent.slice(-recentLimit)
  }

  #flush(): void {
    const events = this.#batch
    const hasLost = this.#hasLost
    this.#batch = []
    this.#hasLost = false
    this.#flushed = this.#count
    const last = events.at(-1)
    if (!last || this.#ended.signal.aborted) return
    this.#outdateUnshown()
    if (hasLost) this.#invalidation.request([], 1_000)
    else for (const listener of this.#batchListeners) listener(events)
    this.#setState({ lagMs: Math.max(0, Math.round(now() + this.#options.clockAheadMs - Date.parse(last.at))) })
  }

  /** Marks the replies that no page shows: nothing patches them, so the next one reads them. */
  #outdateUnshown(): void {
    const { queries } = this.#options
    // The end of a read counts as up to date, also of one that began before the events.
    void queries.cancelQueries({ fetchStatus: 'fetching', predicate: (query) => query.getObserversCount() === 0 })
    void queries.invalidateQueries({ type: 'inactive', refetchType: 'none' })
  }

  #setState(change: Partial<LiveState>): void {
    const isOther = change.kind !== undefined && change.kind !== this.#state.kind
    this.#state = { ...this.#state, ...change, ...(isOther ? { since: now() } : {}) }
    for (const listener of this.#stateListeners) listener()
  }
}
