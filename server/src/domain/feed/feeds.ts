import type { Store } from '../../store/store.ts'
import { logRangeOf } from './log-range.ts'
import { type FeedEvent, readPageAfter, requirePageAfter } from './page.ts'

/** The number of events kept in memory: a subscriber that is up to date costs no query. */
const tailLimit = 4_096

/** Bytes of the lines of these events. An error or a question may have 48 kB. */
const tailByteLimit = 8_388_608

/** Events per query of the log. */
const pageLimit = 512

/**
 * The live end of one project's feed. The log is authoritative; this class keeps its last events
 * and notifies subscribers of new ones. A subscriber reads from its own cursor: from memory while
 * it keeps up, from the log when it lags. So a slow subscriber costs no memory, and the change from
 * backfill to live can neither lose nor repeat an event.
 */
class Feed {
  readonly #store: Store
  readonly #project: string
  #tail: FeedEvent[] = []
  #tailBytes = 0
  #head = -1
  #refreshing: Promise<void> | undefined
  #refreshAgain = false
  /** The subscribers, each with a function that returns the number of its last event. */
  readonly #listeners = new Map<() => void, () => number>()

  constructor(store: Store, project: string) {
    this.#store = store
    this.#project = project
  }

  /** Number of the last event that this process has read. */
  async lastReadSeq(): Promise<number> {
    if (this.#head < 0) await this.refresh()
    return this.#head
  }

  /**
   * Number of the last event in the log. It covers every event that any replica acknowledged before
   * the call.
   */
  async latestSeq(): Promise<number> {
    await this.refresh()
    return this.#head
  }

  /** Reads the events committed since the last read. Concurrent calls share one query. */
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
          readPageAfter(reader, {
            project: this.#project,
            epoch: this.#store.epoch,
            seq: this.#head,
            limit: pageLimit,
          }),
        )
        const last = page.events.at(-1)
        if (!last) break
        this.#append(page.events)
        this.#head = last.seq
        for (const notify of this.#listeners.keys()) notify()
        if (!page.isCut) break
      }
    }
  }

  /** Keeps new events. From twice a limit on, it drops the oldest ones down to both limits. */
  #append(events: readonly FeedEvent[]): void {
    this.#tail.push(...events)
    for (const { bytes } of events) this.#tailBytes += bytes
    if (this.#tail.length <= 2 * tailLimit && this.#tailBytes <= 2 * tailByteLimit) return
    let dropped = 0
    for (const { bytes } of this.#tail) {
      const kept = this.#tail.length - dropped
      if (kept === 1 || (kept <= tailLimit && this.#tailBytes <= tailByteLimit)) break
      this.#tailBytes -= bytes
      dropped += 1
    }
    this.#tail = this.#tail.slice(dropped)
  }

  /** Returns up to `limit` events after `seq`, in order; empty if there are none yet. */
  async eventsAfter(seq: number, limit: number): Promise<readonly FeedEvent[]> {
    if (seq >= (await this.lastReadSeq())) return []
    const oldest = this.#tail[0]
    if (oldest && seq >= oldest.seq - 1) {
      const start = seq - oldest.seq + 1
      return this.#tail.slice(start, start + limit)
    }
    const after = { project: this.#project, epoch: this.#store.epoch, seq, limit }
    return (await this.#store.read((reader) => requirePageAfter(reader, after))).events
  }

  /**
   * Notifies the subscribers of a feed that is being dropped. Each of them then checks its cursor.
   */
  notifyAll(): void {
    for (const notify of this.#listeners.keys()) notify()
  }

  /** Events that the slowest subscriber has not read. */
  get lagEvents(): number {
    return Math.max(0, ...[...this.#listeners.values()].map((lastReadSeq) => this.#head - lastReadSeq()))
  }

  watch(notify: () => void, lastReadSeq: () => number = () => Number.POSITIVE_INFINITY): () => void {
    this.#listeners.set(notify, lastReadSeq)
    return () => this.#listeners.delete(notify)
  }
}

/** The feeds of all projects, each opened on first use. */
export class Feeds {
  readonly #store: Store
  readonly #feeds = new Map<string, Feed>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Events that the slowest subscriber of all feeds has not read. */
  get lagEvents(): number {
    return Math.max(0, ...[...this.#feeds.values()].map((feed) => feed.lagEvents))
  }

  feedOf(project: string): Feed {
    let feed = this.#feeds.get(project)
    if (!feed) {
      feed = new Feed(this.#store, project)
      this.#feeds.set(project, feed)
    }
    return feed
  }

  /**
   * Drops all feeds because the store was replaced. The subscribers get an error for their old
   * cursors.
   */
  reset(): void {
    const feeds = [...this.#feeds.values()]
    this.#feeds.clear()
    for (const feed of feeds) feed.notifyAll()
  }

  /** Reads the new events of a project; undefined if its feed is not open. */
  notify(project: string): Promise<void> | undefined {
    return this.#feeds.get(project)?.refresh()
  }
}
