import { type DeliveryMode, rankOfMode } from '@tony/mcp-shared/messages'
import type { Mail, Output } from '@tony/mcp-tools/calls'
import type { Clock } from '../clock.ts'

type Delivery = Output<'messages.receive'>['messages'][number]
/** What proves one delivery of a message. */
export interface Receipt {
  readonly messageId: string
  readonly receipt: string
}

/**
 * How long a message waits here without a sign of this bridge before it comes again, in milliseconds: short while it has not
 * been shown, as a bridge that was killed has shown it to nobody; then the longest there is.
 */
export const heldForMs = 120_000
export const shownForMs = 600_000

/** So many ids of messages are remembered, so that none is shown twice. */
const rememberedIds = 10_000

interface Kept {
  receipt: string
  /** When the server must hear that this bridge still has it. */
  until: number
}

interface Held extends Kept {
  readonly mail: Mail
}

interface Shown extends Kept {
  /** Whether its sender knows. */
  told: boolean
}

/** Messages of this session: those that have come and wait for their moment, and those the model was shown and has not read yet. */
export class Letters {
  readonly #clock: Clock
  readonly #held = new Map<string, Held>()
  readonly #shown = new Map<string, Shown>()
  readonly #seen = new Set<string>()
  readonly #watchers = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes what an inbox handed out. What was shown before is not shown again: its new receipt is kept, to ack it. */
  take(deliveries: readonly Delivery[]): void {
    const until = this.#clock.monotonic() + heldForMs / 2
    for (const { receipt, ...mail } of deliveries) {
      if (this.#seen.has(mail.id)) this.#shown.set(mail.id, { receipt, until, told: true })
      else this.#held.set(mail.id, { mail, receipt, until })
    }
    if (this.#held.size > 0) for (const watcher of this.#watchers) watcher()
  }

  /** Those that may be shown now, by the order they were handed out in, and may not again. */
  next(limit: number, upTo: DeliveryMode): Mail[] {
    const due = this.waiting(upTo).slice(0, limit)
    for (const { id } of due) {
      const { receipt = '', until = 0 } = this.#held.get(id) ?? {}
      this.#held.delete(id)
      this.#shown.set(id, { receipt, until, told: false })
      this.#remember(id)
    }
    return due
  }

  /** Those that may be shown now, and stay. */
  waiting(upTo: DeliveryMode): Mail[] {
    const rank = rankOfMode(upTo)
    return [...this.#held.values()].flatMap(({ mail }) => (rankOfMode(mail.mode) <= rank ? [mail] : []))
  }

  /** Rings when messages have come. The returned function ends it. */
  watch(ring: () => void): () => void {
    this.#watchers.add(ring)
    return () => this.#watchers.delete(ring)
  }

  /** The receipts of messages the model is shown now. */
  receiptsOf(messageIds: readonly string[]): Receipt[] {
    return messageIds.flatMap((messageId) => {
      const shown = this.#shown.get(messageId)
      return shown && !shown.told ? [{ messageId, receipt: shown.receipt }] : []
    })
  }

  /** The server has heard that a message was shown. */
  told(messageId: string): void {
    const shown = this.#shown.get(messageId)
    if (!shown) return
    shown.told = true
    shown.until = this.#clock.monotonic() + shownForMs / 2
  }

  /** The receipts of all that was shown; it is read. */
  read(): Receipt[] {
    const acks = [...this.#shown].map(([messageId, { receipt }]) => ({ messageId, receipt }))
    this.#shown.clear()
    return acks
  }

  /** Those the server must hear of, or they would soon come again; `shown` those of which it has not heard that they were. */
  due(): { readonly held: Receipt[]; readonly shown: Receipt[] } {
    const now = this.#clock.monotonic()
    const dueOf = (kept: ReadonlyMap<string, Kept>, nextMs: number) =>
      [...kept].flatMap(([messageId, one]) => {
        if (one.until > now) return []
        one.until = now + nextMs
        return [{ messageId, receipt: one.receipt }]
      })
    return { held: dueOf(this.#held, heldForMs / 2), shown: dueOf(this.#shown, shownForMs / 2) }
  }

  /** The receipts of all that was not shown; this session will not. */
  giveBack(): Receipt[] {
    const back = [...this.#held].map(([messageId, { receipt }]) => ({ messageId, receipt }))
    this.#held.clear()
    return back
  }

  #remember(id: string): void {
    this.#seen.add(id)
    const [oldest] = this.#seen
    if (this.#seen.size > rememberedIds && oldest !== undefined) this.#seen.delete(oldest)
  }
}
