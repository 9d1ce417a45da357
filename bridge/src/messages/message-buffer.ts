import { type DeliveryMode, rankOfMode } from '@tony/mcp-shared/messages'
import type { InboxMessage, Output } from '@tony/mcp-tools/calls'
import type { Clock } from '../clock.ts'

type Delivery = Output<'messages.receive'>['messages'][number]
/** The proof of one delivery of a message. */
export interface Receipt {
  readonly messageId: string
  readonly receipt: string
}

/**
 * Ack deadlines of a message in the bridge, in milliseconds. The first one is short, because a
 * bridge killed before it has shown the message must not delay it. The second one is the longest
 * that the server accepts.
 */
export const unshownAckWaitMs = 120_000
export const shownAckWaitMs = 600_000

/** Number of message ids that are remembered, so that no message is shown twice. */
const maxSeenIds = 10_000

interface BufferedReceipt {
  receipt: string
  /** Time at which the ack deadline must be extended, on the monotonic clock. */
  renewAt: number
}

interface HeldMessage extends BufferedReceipt {
  readonly message: InboxMessage
  /** True if the model has seen the beginning. It reads the rest by the tool inbox. */
  isPartlyShown: boolean
}

interface ShownMessage extends BufferedReceipt {
  /** True once the server has recorded that the message was shown. */
  reported: boolean
}

/**
 * The messages of a host session. Held ones wait for their delivery mode; shown ones wait for the
 * next call of the model, which acks them.
 */
export class MessageBuffer {
  readonly #clock: Clock
  readonly #held = new Map<string, HeldMessage>()
  readonly #shown = new Map<string, ShownMessage>()
  readonly #seen = new Set<string>()
  readonly #listeners = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Adds deliveries of the inbox. A message that was shown before is not shown again; its new
   * receipt is kept for the ack.
   */
  add(deliveries: readonly Delivery[]): void {
    const renewAt = this.#clock.monotonic() + unshownAckWaitMs / 2
    for (const { receipt, ...message } of deliveries) {
      if (this.#seen.has(message.id)) this.#shown.set(message.id, { receipt, renewAt, reported: true })
      else {
        const { isPartlyShown = false } = this.#held.get(message.id) ?? {}
        this.#held.set(message.id, { message, receipt, renewAt, isPartlyShown })
      }
    }
    if (this.#held.size > 0) for (const notify of this.#listeners) notify()
  }

  /** Records that a message is shown now. Does nothing if it is not held. */
  markShown(id: string): void {
    const held = this.#held.get(id)
    if (!held) return
    this.#held.delete(id)
    this.#shown.set(id, { receipt: held.receipt, renewAt: held.renewAt, reported: false })
    this.#markSeen(id)
  }

  /** Records that only the beginning of a message is shown now. */
  markPartlyShown(id: string): void {
    const held = this.#held.get(id)
    if (held) held.isPartlyShown = true
  }

  /** Returns the messages that may be shown now, in the order of their delivery. */
  peek(leastUrgentMode: DeliveryMode): InboxMessage[] {
    const rank = rankOfMode(leastUrgentMode)
    return [...this.#held.values()].flatMap(({ message, isPartlyShown }) =>
      !isPartlyShown && rankOfMode(message.mode) <= rank ? [message] : [],
    )
  }

  /** Calls `notify` when messages arrive. The returned function ends that. */
  onMessage(notify: () => void): () => void {
    this.#listeners.add(notify)
    return () => this.#listeners.delete(notify)
  }

  /** Returns the receipts of messages that are shown now and not reported yet. */
  receiptsOf(messageIds: readonly string[]): Receipt[] {
    return messageIds.flatMap((messageId) => {
      const shown = this.#shown.get(messageId)
      return shown && !shown.reported ? [{ messageId, receipt: shown.receipt }] : []
    })
  }

  /** Records that the server was informed of a shown message. */
  markReported(messageId: string): void {
    const shown = this.#shown.get(messageId)
    if (!shown) return
    shown.reported = true
    shown.renewAt = this.#clock.monotonic() + shownAckWaitMs / 2
  }

  /** Takes the receipts of all shown messages, which are read. */
  takeShownReceipts(): Receipt[] {
    const acks = [...this.#shown].map(([messageId, { receipt }]) => ({ messageId, receipt }))
    this.#shown.clear()
    return acks
  }

  /**
   * Returns the receipts whose ack deadlines must be extended now, of held and of shown messages.
   */
  takeDueReceipts(): { readonly held: Receipt[]; readonly shown: Receipt[] } {
    const now = this.#clock.monotonic()
    const takeDue = (buffered: ReadonlyMap<string, BufferedReceipt>, nextMs: number) =>
      [...buffered].flatMap(([messageId, one]) => {
        if (one.renewAt > now) return []
        one.renewAt = now + nextMs
        return [{ messageId, receipt: one.receipt }]
      })
    return { held: takeDue(this.#held, unshownAckWaitMs / 2), shown: takeDue(this.#shown, shownAckWaitMs / 2) }
  }

  /** Takes the receipts of all messages that this session has not shown. */
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
