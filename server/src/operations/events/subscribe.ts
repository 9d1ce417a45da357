import type { eventSubscribeInput } from '@tony/mcp-shared/events'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { cursorAt, resolveCursor } from '../../domain/feed/cursor.ts'
import { type Chunk, type Item, item } from '../../domain/feed/item.ts'
import { type EventOutput, shows } from '../../domain/feed/page.ts'
import type { Clock } from '../../platform/clock.ts'
import { Bell } from '../../platform/notifier.ts'
import { iso } from '../../platform/times.ts'

/** Looked at in one go; what the filter lets through is sent together. */
const chunkLimit = 256

/** After so many events that the filter kept back, or so long, a checkpoint moves the subscriber's cursor on. */
const checkpointEvents = 1_000
const checkpointMs = 15_000

/** Rings once, a while after it was first set: a trickle of events that are kept back does not put a checkpoint off. */
class Alarm {
  readonly #clock: Clock
  readonly #ring: () => void
  #cancel: (() => void) | undefined
  rang = false

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock
    this.#ring = ring
  }

  set(): void {
    this.#cancel ??= this.#clock.timer(checkpointMs, () => {
      this.rang = true
      this.#ring()
    })
  }

  clear(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.rang = false
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
  const stream = ctx.streams.of(project)
  const bell = new Bell()
  const unwatch = stream.watch(bell.ring)
  ctx.signal.addEventListener('abort', bell.ring, { once: true })
  const from = lastEventId ?? cursor
  const alarm = new Alarm(ctx.clock, bell.ring)
  try {
    let seq =
      from === undefined
        ? await stream.latest()
        : await ctx.read((reader) => resolveCursor(reader, project, epoch, from))
    let sent = seq
    // Where it begins: without this, one that reconnects before its first event would not know what it missed.
    if (from === undefined) yield [checkpoint(epoch, seq, ctx.clock.wall())]
    while (!ctx.signal.aborted) {
      const events = await stream.after(seq, chunkLimit)
      // Not before: what was read while the store became another one does not follow this cursor.
      await refuseOtherEpoch(ctx, cursorAt(epoch, seq))
      seq = events.at(-1)?.seq ?? seq
      const visible: Item<EventOutput>[] = events.filter((candidate) => shows(ctx.principal, filter, candidate))
      const last = events.at(-1)
      if (last && visible.at(-1) === last) sent = seq
      if (seq - sent >= checkpointEvents || (alarm.rang && seq > sent)) {
        visible.push(checkpoint(epoch, seq, ctx.clock.wall()))
        sent = seq
        alarm.clear()
      }
      if (visible.length > 0) yield visible
      if (events.length > 0) continue
      if (seq === sent) alarm.clear()
      else alarm.set()
      await bell.rung()
    }
  } finally {
    alarm.clear()
    unwatch()
    ctx.signal.removeEventListener('abort', bell.ring)
  }
}

/** Where the store was restored meanwhile: refuses a cursor of before, as it would be at any other time. */
async function refuseOtherEpoch(ctx: Context, cursor: string): Promise<void> {
  const { epoch } = ctx.store
  if (!cursor.startsWith(`${epoch}.`))
    await ctx.read((reader) => resolveCursor(reader, ctx.principal.project, epoch, cursor))
}

const checkpoint = (epoch: string, seq: number, at: number): Item<EventOutput> =>
  item({ seq, at: iso(at), type: 'checkpoint', subject: null, actor: null, data: {} }, cursorAt(epoch, seq))
