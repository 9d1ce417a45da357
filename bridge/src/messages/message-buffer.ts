import { type DeliveryMode, rankOfMode } from '@tony/mcp-shared/messages'
import type { InboxMessage, Output } from '@tony/mcp-tools/calls'
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
export const unshownAckWaitMs = 120_000
export const shownAckWaitMs = 600_000

/** So many ids of messages are remembered, so that none is shown twice. */
const maxSeenIds = 10_000

interface BufferedReceipt {
  receipt: string
  /** When the server must hear that this bridge still has it. */
  renewAt: number
}

interface HeldMessage extends BufferedReceipt {
  readonly message: InboxMessage
}

interface ShownMessage extends BufferedReceipt {
  /** Whether its sender knows. */
  reported: boolean
}

/** Messages of this session: those that have come and wait for their moment, and those the model was shown and has not read yet. */
export class MessageBuffer {
  readonly #clock: Clock
  readonly #held = new Map<string, HeldMessage>()
  readonly #shown = new Map<string, ShownMessage>()
  readonly #seen = new Set<string>()
  readonly #listeners = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes what an inbox handed out. What was shown before is not shown again: its new receipt is kept, to ack it. */
  add(deliveries: readonly Delivery[]): void {
    const renewAt = this.#clock.monotonic() + unshownAckWaitMs / 2
    for (const { receipt, ...message } of deliveries) {
      if (this.#seen.has(message.id)) this.#shown.set(message.id, { receipt, renewAt, reported: true })
      else this.#held.set(message.id, { message, receipt, renewAt })
    }
    if (this.#held.size > 0) for (const watcher of this.#listeners) watcher()
  }

  /** Those that may be shown now, by the order they were handed out in, and may not again. */
  takeNext(limit: number, leastUrgentMode: DeliveryMode): InboxMessage[] {
    const messages = this.peek(leastUrgentMode).slice(0, limit)
    for (const { id } of messages) {
      const { receipt = '', renewAt = 0 } = this.#held.get(id) ?? {}
      this.#held.delete(id)
      this.#shown.set(id, { receipt, renewAt, reported: false })
      this.#markSeen(id)
    }
    return messages
  }

  /** Those that may be shown now, and stay. */
  peek(leastUrgentMode: DeliveryMode): InboxMessage[] {
    const rank = rankOfMode(leastUrgentMode)
    return [...this.#held.values()].flatMap(({ message }) => (rankOfMode(message.mode) <= rank ? [message] : []))
  }

  /** Rings when messages have come. The returned function ends it. */
  onMessage(notify: () => void): () => void {
    this.#listeners.add(notify)
    return () => this.#listeners.delete(notify)
  }

  /** The receipts of messages the model is shown now. */
  receiptsOf(messageIds: readonly string[]): Receipt[] {
    return messageIds.flatMap((messageId) => {
      const shown = this.#shown.get(messageId)
      return shown && !shown.reported ? [{ messageId, receipt: shown.receipt }] : []
    })
  }

  /** The server has heard that a message was shown. */
  told(messageId: string): void {
    const shown = this.#shown.get(messageId)
    if (!shown) return
    shown.reported = true
    shown.renewAt = this.#clock.monotonic() + shownAckWaitMs / 2
  }

  /** The receipts of all that was shown; it is read. */
  takeShownReceipts(): Receipt[] {
    const acks = [...this.#shown].map(([messageId, { receipt }]) => ({ messageId, receipt }))
    this.#shown.clear()
    return acks
  }

  /** Those the server must hear of, or they would soon come again; `shown` those of which it has not heard that they were. */
  due(): { readonly held: Receipt[]; readonly shown: Receipt[] } {
    const now = this.#clock.monotonic()
    const takeDue = (kept: ReadonlyMap<string, BufferedReceipt>, nextMs: number) =>
      [...kept].flatMap(([messageId, one]) => {
        if (one.renewAt > now) return []
        one.renewAt = now + nextMs
        return [{ messageId, receipt: one.receipt }]
      })
    return { held: takeDue(this.#held, unshownAckWaitMs / 2), shown: takeDue(this.#shown, shownAckWaitMs / 2) }
  }

  /** The receipts of all that was not shown; this session will not. */
  takeUnshownReceipts(): Receipt[] {
    const receipts = [...this.#held].map(([messageId, { receipt }]) => ({ messageId, receipt }))
    this.#held.clear()
    return receipts
  }

  #markSeen(id: string): void {
    this.#seen.add(id)
    const [oldest] = this.#seen
    if (this.#seen.size > maxSeenIds && oldest !== undefined) this.#seen.delete(oldest)
  }
}
