import type { eventSubscribeInput } from '@tony/mcp-shared/events'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { cursorAt, resolveCursor } from '../../domain/feed/cursor.ts'
import { type ItemChunk, type SubscriptionItem, toSubscriptionItem } from '../../domain/feed/item.ts'
import { type EventOutput, isVisibleMatch } from '../../domain/feed/page.ts'
import type { Clock } from '../../platform/clock.ts'
import { Notifier } from '../../platform/notifier.ts'
import { iso } from '../../platform/times.ts'

/** The number of events to read at a time. The events that match the filter are sent together. */
const chunkLimit = 256

/**
 * A checkpoint moves the subscriber's cursor after this number of events outside the filter, or
 * after this time.
 */
const checkpointEventLimit = 1_000
const checkpointMs = 15_000

/**
 * Notifies once, a fixed time after it was first set: a trickle of events outside the filter does
 * not delay the checkpoint.
 */
class CheckpointTimer {
  readonly #clock: Clock
  readonly #notify: () => void
  #cancel: (() => void) | undefined
  expired = false

  constructor(clock: Clock, notify: () => void) {
    this.#clock = clock
    this.#notify = notify
  }

  set(): void {
    this.#cancel ??= this.#clock.timer(checkpointMs, () => {
      this.expired = true
      this.#notify()
    })
  }

  clear(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.expired = false
  }
}

/**
 * `events.subscribe`: the events after the cursor in commit order, without a gap or a repeat, until
 * the caller leaves.
 */
export async function* subscribeToEvents(
  ctx: Context,
  input: z.output<typeof eventSubscribeInput>,
): AsyncGenerator<ItemChunk<EventOutput>> {
  const { project } = ctx.principal
  const { epoch } = ctx.store
  const { lastEventId, cursor, ...filter } = input
  const feed = ctx.feeds.feedOf(project)
  const notifier = new Notifier()
  let seq = Number.POSITIVE_INFINITY
  const unwatch = feed.watch(notifier.notify, () => seq)
  ctx.signal.addEventListener('abort', notifier.notify, { once: true })
  const start = lastEventId ?? cursor
  const checkpointTimer = new CheckpointTimer(ctx.clock, notifier.notify)
  try {
    seq =
      start === undefined
        ? await feed.latestSeq()
        : await ctx.read((reader) => resolveCursor(reader, project, epoch, start))
    let sent = seq
    // The start cursor: without it a client that reconnects before its first event would miss
    // events.
    if (start === undefined) yield [toCheckpoint(epoch, seq, ctx.clock.wall())]
    while (!ctx.signal.aborted) {
      const events = await feed.eventsAfter(seq, chunkLimit)
      // Checked after the read: events read while the store was replaced do not follow this cursor.
      await refuseOtherEpoch(ctx, cursorAt(epoch, seq))
      seq = events.at(-1)?.seq ?? seq
      const visible: SubscriptionItem<EventOutput>[] = events.filter((candidate) =>
        isVisibleMatch(ctx.principal, filter, candidate),
      )
      const last = events.at(-1)
      if (last && visible.at(-1) === last) sent = seq
      if (seq - sent >= checkpointEventLimit || (checkpointTimer.expired && seq > sent)) {
        visible.push(toCheckpoint(epoch, seq, ctx.clock.wall()))
        sent = seq
        checkpointTimer.clear()
      }
      if (visible.length > 0) yield visible
      if (events.length > 0) continue
      if (seq === sent) checkpointTimer.clear()
      else checkpointTimer.set()
      await notifier.wait()
    }
  } finally {
    checkpointTimer.clear()
    unwatch()
    ctx.signal.removeEventListener('abort', notifier.notify)
  }
}

/**
 * Throws for a cursor from before a restore of the store, like a new subscription with that cursor.
 */
async function refuseOtherEpoch(ctx: Context, cursor: string): Promise<void> {
  const { epoch } = ctx.store
  if (!cursor.startsWith(`${epoch}.`))
    await ctx.read((reader) => resolveCursor(reader, ctx.principal.project, epoch, cursor))
}

const toCheckpoint = (epoch: string, seq: number, at: number): SubscriptionItem<EventOutput> =>
  toSubscriptionItem(
    { seq, at: iso(at), type: 'checkpoint', subject: null, actor: null, data: {} },
    cursorAt(epoch, seq),
  )
