import type { Client } from '../api/client.ts'
import { type Timer, unrefTimer } from '../connection/timers.ts'
import type { FeedEvent } from '../generated/api.ts'

/** Storage for the cursor of a watcher: a file, a row, a key. */
export interface CursorStore {
  /** Returns the cursor that was saved last; undefined if there is none. */
  load(): string | undefined | Promise<string | undefined>
  /** Saves a cursor. `watch` calls it once at a time. */
  save(cursor: string): void | Promise<void>
}

/** Filter for events. An event passes if it matches every given field. Default: all events. */
export type WatchFilter = Omit<NonNullable<Parameters<Client['events']['subscribe']>[0]>, 'cursor' | 'lastEventId'>

/** Options of `watch`. */
export interface WatchOptions {
  /**
   * Storage for the cursor. With it, a new watcher continues after the last handled event, also in
   * another process. Default: none.
   */
  readonly store?: CursorStore
  /**
   * Cursor to begin at if the store is empty; `start` is the beginning of the log. Default: now.
   */
  readonly from?: string
  /**
   * Longest time between handling an event and saving its cursor, in milliseconds. Default 1 000; 0
   * saves after each event.
   */
  readonly saveEveryMs?: number
  /** Ends the loop. */
  readonly signal?: AbortSignal
}

interface CursorSaver {
  markHandled(cursor: string | undefined): Promise<void>
  /** Saves the cursor of the last handled event. */
  flush(): Promise<void>
}

function createCursorSaver(store: CursorStore, everyMs: number): CursorSaver {
  let saved: string | undefined
  let handled: string | undefined
  let timer: Timer | undefined
  let failure: { error: unknown } | undefined
  let last: Promise<void> = Promise.resolve()
  const saveNow = async (): Promise<void> => {
    if (handled === undefined || handled === saved) return
    const cursor = handled
    await store.save(cursor)
    saved = cursor
  }
  /**
   * Serializes the saves. A slow save could otherwise end after a later one and restore an older
   * cursor.
   */
  const save = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const saving = last.then(saveNow)
    last = saving.catch(() => undefined)
    return saving
  }
  const later = () =>
    void save().catch((error: unknown) => {
      failure = { error }
    })
  return {
    markHandled: async (cursor) => {
      if (failure) throw failure.error
      handled = cursor
      if (everyMs === 0) await save()
      else timer ??= unrefTimer(setTimeout(later, everyMs))
    },
    flush: save,
  }
}

const noStore: CursorStore = { load: () => undefined, save: () => undefined }

/**
 * Yields the events of the feed as they commit, without a gap across reconnects and restarts of the
 * server. With a store there is no gap across restarts of this process either. An event counts as
 * handled when the loop takes the next one. The event at which a loop was left is therefore yielded
 * again.
 *
 * Throws TonyError CURSOR_EXPIRED, with the earliest cursor in `details.earliest`, if the log no
 * longer reaches back to the saved cursor. Throws the error of `store.load` or `store.save`.
 *
 * @example
 * ```ts
 * let saved: string | undefined
 * const store = { load: () => saved, save: (cursor: string) => { saved = cursor } }
 * for await (const { subject } of watch(client, { types: ['task.created'] }, { store })) {
 *   console.log(subject)
 * }
 * ```
 */
export async function* watch(
  client: Pick<Client, 'events'>,
  filter: WatchFilter = {},
  { store = noStore, from, saveEveryMs = 1_000, signal }: WatchOptions = {},
): AsyncGenerator<FeedEvent, void> {
  const cursor = (await store.load()) ?? from
  const feed = client.events.subscribe(
    { ...filter, ...(cursor === undefined ? {} : { cursor }) },
    signal === undefined ? {} : { signal },
  )
  const saver = createCursorSaver(store, saveEveryMs)
  try {
    for await (const event of feed) {
      if (event.type !== 'checkpoint') yield event
      await saver.markHandled(feed.cursor)
    }
  } finally {
    await saver.flush()
  }
}
