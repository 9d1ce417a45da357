import type { Store } from '../../store/store.ts'
import { logRangeOf } from './log-range.ts'
import { type FeedEvent, pageAfter, requirePageAfter } from './page.ts'

/** How much of a feed's end is kept at hand: a subscriber that is up to date costs no query. */
const tailLimit = 4_096

/** Read at a time from the log. */
const pageLimit = 500

/**
 * The live end of one project's feed: the log is the truth, this holds its last events and tells subscribers when there are
 * more. A subscriber reads from its own cursor, here while it keeps up and from the log when it does not, so one that lags
 * costs no memory and the cut from backfill to live cannot lose or repeat an event.
 */
class Feed {
  readonly #store: Store
  readonly #project: string
  #tail: FeedEvent[] = []
  #head = -1
  #refreshing: Promise<void> | undefined
  #refreshAgain = false
  readonly #listeners = new Set<() => void>()

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
    this.#refreshAgain = true
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #read(): Promise<void> {
    while (this.#refreshAgain) {
      this.#refreshAgain = false
      if (this.#head < 0) this.#head = (await this.#store.read((reader) => logRangeOf(reader, this.#project))).last
      for (;;) {
        const page = await this.#store.read((reader) =>
          pageAfter(reader, this.#project, this.#store.epoch, this.#head, pageLimit),
        )
        const last = page.at(-1)
        if (!last) break
        this.#tail.push(...page)
        if (this.#tail.length > 2 * tailLimit) this.#tail = this.#tail.slice(-tailLimit)
        this.#head = last.seq
        for (const notify of this.#listeners) notify()
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
    return this.#store.read((reader) => requirePageAfter(reader, this.#project, this.#store.epoch, seq, limit))
  }

  /** For one that is not kept any longer: whoever reads it looks again. */
  notifyAll(): void {
    for (const notify of this.#listeners) notify()
  }

  watch(notify: () => void): () => void {
    this.#listeners.add(notify)
    return () => this.#listeners.delete(notify)
  }
}

/** The live ends of all feeds, each opened when first asked for. */
export class Feeds {
  readonly #store: Store
  readonly #feeds = new Map<string, Feed>()

  constructor(store: Store) {
    this.#store = store
  }

  feedOf(project: string): Feed {
    let feed = this.#feeds.get(project)
    if (!feed) {
      feed = new Feed(this.#store, project)
      this.#feeds.set(project, feed)
    }
    return feed
  }

  /** The store is another one: what was read of it is forgotten, and whoever follows it is told by its cursor. */
  reset(): void {
    const feeds = [...this.#feeds.values()]
    this.#feeds.clear()
    for (const feed of feeds) feed.notifyAll()
  }

  /** Nobody follows a project: nothing to do for its events. */
  wake(project: string): Promise<void> | undefined {
    return this.#feeds.get(project)?.refresh()
  }
}
