import type { eventSubscribeInput } from '@tony/mcp-shared/events'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { cursorAt, resolveCursor } from '../../domain/feed/cursor.ts'
import { type Chunk, type Item, toItem } from '../../domain/feed/item.ts'
import { type EventOutput, isVisible } from '../../domain/feed/page.ts'
import type { Clock } from '../../platform/clock.ts'
import { Notifier } from '../../platform/notifier.ts'
import { iso } from '../../platform/times.ts'

/** Looked at in one go; what the filter lets through is sent together. */
const chunkLimit = 256

/** After so many events that the filter kept back, or so long, a checkpoint moves the subscriber's cursor on. */
const checkpointEvents = 1_000
const checkpointMs = 15_000

/** Rings once, a while after it was first set: a trickle of events that are kept back does not put a checkpoint off. */
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

/** `events.subscribe`: from the cursor on, in commit order, no gap and no repeat, for as long as the caller stays. */
export async function* subscribeToEvents(
  ctx: Context,
  input: z.output<typeof eventSubscribeInput>,
): AsyncGenerator<Chunk<EventOutput>> {
  const { project } = ctx.principal
  const { epoch } = ctx.store
  const { lastEventId, cursor, ...filter } = input
  const feed = ctx.feeds.feedOf(project)
  const notifier = new Notifier()
  const unwatch = feed.watch(notifier.notify)
  ctx.signal.addEventListener('abort', notifier.notify, { once: true })
  const start = lastEventId ?? cursor
  const checkpointTimer = new CheckpointTimer(ctx.clock, notifier.notify)
  try {
    let seq =
      start === undefined
        ? await feed.latest()
        : await ctx.read((reader) => resolveCursor(reader, project, epoch, start))
    let sent = seq
    // Where it begins: without this, one that reconnects before its first event would not know what it missed.
    if (start === undefined) yield [toCheckpoint(epoch, seq, ctx.clock.wall())]
    while (!ctx.signal.aborted) {
      const events = await feed.after(seq, chunkLimit)
      // Not before: what was read while the store became another one does not follow this cursor.
      await refuseOtherEpoch(ctx, cursorAt(epoch, seq))
      seq = events.at(-1)?.seq ?? seq
      const visible: Item<EventOutput>[] = events.filter((candidate) => isVisible(ctx.principal, filter, candidate))
      const last = events.at(-1)
      if (last && visible.at(-1) === last) sent = seq
      if (seq - sent >= checkpointEvents || (checkpointTimer.expired && seq > sent)) {
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

/** Where the store was restored meanwhile: refuses a cursor of before, as it would be at any other time. */
async function refuseOtherEpoch(ctx: Context, cursor: string): Promise<void> {
  const { epoch } = ctx.store
  if (!cursor.startsWith(`${epoch}.`))
    await ctx.read((reader) => resolveCursor(reader, ctx.principal.project, epoch, cursor))
}

const toCheckpoint = (epoch: string, seq: number, at: number): Item<EventOutput> =>
  toItem({ seq, at: iso(at), type: 'checkpoint', subject: null, actor: null, data: {} }, cursorAt(epoch, seq))
