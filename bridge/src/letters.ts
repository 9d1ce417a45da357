import type { Mail, Output } from '@tony/mcp-tools/calls'
import type { Clock } from './clock.ts'

type Delivery = Output<'messages.receive'>['messages'][number]

/** How long a message that was shown waits to be acked before it comes again, in milliseconds: the longest there is. */
export const ackWaitMs = 600_000

/** So many ids of messages are remembered, so that none is shown twice. */
const rememberedIds = 10_000

/** Messages that were shown to the model, and are acked once it does something: then it has read them. */
export class Letters {
  readonly #clock: Clock
  readonly #unacked = new Map<string, { receipt: string; until: number }>()
  readonly #seen = new Set<string>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes what an inbox handed out; gives what is new of it, without the receipts. */
  show(deliveries: readonly Delivery[]): Mail[] {
    const until = this.#clock.monotonic() + ackWaitMs / 2
    return deliveries.flatMap(({ receipt, ...mail }) => {
      this.#unacked.set(mail.id, { receipt, until })
      if (this.#seen.has(mail.id)) return []
      this.#remember(mail.id)
      return [mail]
    })
  }

  /** The receipts of all that was shown; it is read. */
  read(): { messageId: string; receipt: string }[] {
    const acks = [...this.#unacked].map(([messageId, { receipt }]) => ({ messageId, receipt }))
    this.#unacked.clear()
    return acks
  }

  /** Those that would soon come again. */
  due(): { messageId: string; receipt: string }[] {
    const now = this.#clock.monotonic()
    return [...this.#unacked].flatMap(([messageId, kept]) => {
      if (kept.until > now) return []
      kept.until = now + ackWaitMs / 2
      return [{ messageId, receipt: kept.receipt }]
    })
  }

  #remember(id: string): void {
    this.#seen.add(id)
    const [oldest] = this.#seen
    if (this.#seen.size > rememberedIds && oldest !== undefined) this.#seen.delete(oldest)
  }
}
