import type { Store } from '../../store/store.ts'
import { extentOf } from './log-range.ts'
import { type FeedEvent, following, pageAfter } from './page.ts'

/** How much of a feed's end is kept at hand: a subscriber that is up to date costs no query. */
const tailLimit = 4_096

/** Read at a time from the log. */
const pageLimit = 500

/**
 * The live end of one project's feed: the log is the truth, this holds its last events and tells subscribers when there are
 * more. A subscriber reads from its own cursor, here while it keeps up and from the log when it does not, so one that lags
 * costs no memory and the cut from backfill to live cannot lose or repeat an event.
 */
class Stream {
  readonly #store: Store
  readonly #project: string
  #tail: FeedEvent[] = []
  #head = -1
  #reading: Promise<void> | undefined
  #again = false
  readonly #rings = new Set<() => void>()

  constructor(store: Store, project: string) {
    this.#store = store
    this.#project = project
  }

  /** Number of the last event known here. */
  async head(): Promise<number> {
    if (this.#head < 0) await this.refresh()
    return this.#head
  }

  /** Number of the last event there is: what was acknowledged before at any replica is not after it. */
  async latest(): Promise<number> {
    await this.refresh()
    return this.#head
  }

  /** Reads what has been committed since. Calls that come together share one query. */
  refresh(): Promise<void> {
    this.#again = true
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<void> {
    while (this.#again) {
      this.#again = false
      if (this.#head < 0) this.#head = (await this.#store.read((reader) => extentOf(reader, this.#project))).last
      for (;;) {
        const page = await this.#store.read((reader) =>
          pageAfter(reader, this.#project, this.#store.epoch, this.#head, pageLimit),
        )
        const last = page.at(-1)
        if (!last) break
        this.#tail.push(...page)
        if (this.#tail.length > 2 * tailLimit) this.#tail = this.#tail.slice(-tailLimit)
        this.#head = last.seq
        for (const ring of this.#rings) ring()
        if (page.length < pageLimit) break
      }
    }
  }

  /** Up to `limit` events after `seq`, in order. Empty when there are none yet. */
  async after(seq: number, limit: number): Promise<readonly FeedEvent[]> {
    if (seq >= (await this.head())) return []
    const oldest = this.#tail[0]
    if (oldest && seq >= oldest.seq - 1) {
      const start = seq - oldest.seq + 1
      return this.#tail.slice(start, start + limit)
    }
    return this.#store.read((reader) => following(reader, this.#project, this.#store.epoch, seq, limit))
  }

  /** For one that is not kept any longer: whoever reads it looks again. */
  abandon(): void {
    for (const ring of this.#rings) ring()
  }

  watch(ring: () => void): () => void {
    this.#rings.add(ring)
    return () => this.#rings.delete(ring)
  }
}

/** The live ends of all feeds, each opened when first asked for. */
export class Streams {
  readonly #store: Store
  readonly #streams = new Map<string, Stream>()

  constructor(store: Store) {
    this.#store = store
  }

  of(project: string): Stream {
    let stream = this.#streams.get(project)
    if (!stream) {
      stream = new Stream(this.#store, project)
      this.#streams.set(project, stream)
    }
    return stream
  }

  /** The store is another one: what was read of it is forgotten, and whoever follows it is told by its cursor. */
  restart(): void {
    const streams = [...this.#streams.values()]
    this.#streams.clear()
    for (const stream of streams) stream.abandon()
  }

  /** Nobody follows a project: nothing to do for its events. */
  wake(project: string): Promise<void> | undefined {
    return this.#streams.get(project)?.refresh()
  }
}
