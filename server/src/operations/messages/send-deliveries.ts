import type { Context } from '../../domain/context.ts'
import type { ItemChunk, SubscriptionItem } from '../../domain/feed/item.ts'
import type { DeliveredMessage, OpenInbox } from '../../domain/messages/deliver-at-send.ts'
import type { Notifier } from '../../platform/notifier.ts'
import { iso } from '../../platform/times.ts'
import type { Delivery } from './deliver.ts'
import { sharedFieldsOf, wireFieldsOf } from './serialize.ts'

/** A message of a send. Its payload is JSON already, and becomes a part of the item's JSON. */
class SentItem implements SubscriptionItem<Delivery> {
  readonly id = undefined
  readonly #message: DeliveredMessage

  constructor(message: DeliveredMessage) {
    this.#message = message
  }

  get data(): Delivery {
    const { payload, receipt, ackBy } = this.#message
    return { ...wireFieldsOf(this.#message, payload), receipt, ackBy: iso(ackBy) }
  }

  json(): string {
    const { payload, receipt, ackBy } = this.#message
    // A field that is undefined is left out of the JSON.
    const others = { ...sharedFieldsOf(this.#message, undefined), receipt, ackBy: iso(ackBy) }
    return `${JSON.stringify(others).slice(0, -1)},"payload":${payload}}`
  }
}

/** The messages that their sends have stored as delivered to a subscription. */
export class SendDeliveries {
  /** The subscription as sends see it; undefined for a caller without a session. */
  readonly inbox: OpenInbox | undefined
  readonly #ctx: Context
  readonly #notifier: Notifier
  #items: SentItem[] = []
  /** Ids of messages whose transactions may not have ended. */
  readonly #expected = new Set<string>()
  #isWaiting = false

  constructor(
    ctx: Context,
    { maxAckPending, ackWaitMs }: Pick<OpenInbox, 'maxAckPending' | 'ackWaitMs'>,
    notifier: Notifier,
  ) {
    this.#ctx = ctx
    this.#notifier = notifier
    const { agent, sessionId } = ctx.principal
    if (!agent || sessionId === undefined) return
    const isWaiting = () => this.#isWaiting && !ctx.signal.aborted
    this.inbox = {
      agentId: agent.id,
      session: { sessionId, agentId: agent.id, incarnation: agent.incarnation },
      maxAckPending,
      ackWaitMs,
      get isWaiting() {
        return isWaiting()
      },
      expect: (messageId) => this.#expected.add(messageId),
      push: (message) => this.#push(message),
    }
  }

  get hasItems(): boolean {
    return this.#items.length > 0
  }

  takeItems(): ItemChunk<Delivery> {
    const items = this.#items
    this.#items = []
    // No send has delivered to this subscription since its wait, so none is expected.
    this.#expected.clear()
    return items
  }

  /** Waits for a notification. Sends deliver meanwhile. */
  async wait(): Promise<void> {
    this.#isWaiting = true
    await this.#notifier.wait()
    this.#isWaiting = false
  }

  /**
   * Waits for the commit of the sends that have decided to deliver, after the end of the wait. What
   * a subscription was given is sent ahead of the notice that moves its client.
   */
  async settle(): Promise<void> {
    if (this.#expected.size === 0) return
    // The next transaction begins after the present batch.
    await Promise.allSettled([this.#ctx.transact(() => Promise.resolve())])
  }

  #push(message: DeliveredMessage): void {
    this.#expected.delete(message.id)
    this.#items.push(new SentItem(message))
    this.#notifier.notify()
  }
}
