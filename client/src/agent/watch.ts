import type { Client } from '../api/client.ts'
import { type Timer, unrefTimer } from '../connection/timers.ts'
import type { FeedEvent } from '../generated/api.ts'

/** Where a watcher keeps how far it has come: a file, a row, a key. */
export interface CursorStore {
  /** What was saved last; undefined at first. */
  load(): string | undefined | Promise<string | undefined>
  save(cursor: string): void | Promise<void>
}

/** Which events: all that is given must fit. */
export type WatchFilter = Omit<NonNullable<Parameters<Client['events']['subscribe']>[0]>, 'cursor' | 'lastEventId'>

export interface WatchOptions {
  /** Goes on after what was handled before, also by an earlier process. */
  readonly store?: CursorStore
  /** Where to begin when the store has nothing: `start`, or a cursor. Default: now. */
  readonly from?: string
  /** How long what was handled may stay unsaved, in milliseconds. Default 1 000; 0 saves after each event. */
  readonly saveEveryMs?: number
  readonly signal?: AbortSignal
}

interface CursorSaver {
  markHandled(cursor: string | undefined): Promise<void>
  /** Saves what is left. */
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
  /** One after the other: a slow save would end after a later one, and put the place back. */
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
 * The events of the feed as they come, without a gap across reconnects, restarts of the server, and with a store also of this
 * process. An event counts as handled when the next one is asked for: the one whose loop was left comes again. Throws CURSOR_EXPIRED, with
 * the earliest cursor in its `details`, when the log no longer reaches back to what was saved.
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
