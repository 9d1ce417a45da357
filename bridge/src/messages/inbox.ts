import type { Agent, Client, Delivery } from '@tony/mcp-client'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { type Clock, sleep } from '../clock.ts'
import type { WaitResult } from '../session/poll.ts'
import { MessageBuffer, type Receipt, shownAckWaitMs, unshownAckWaitMs } from './message-buffer.ts'

/** How many messages may wait here for their moment, ten more where they are critical. */
export const maxAckPending = 1_000

/** So many messages are shown at one moment; what is left comes at the next. */
export const maxMessagesShown = 10

/** How long one wait for a message is, in milliseconds; longer ones are several. */
const pollIntervalMs = 60_000

/** How long after an inbox was broken off it is opened again, in milliseconds. */
const reopenDelayMs = 10_000

/** One session's inbox: its messages come by themselves, wait for their moment, and are settled once the model has read them. */
export class Inbox {
  readonly buffer: MessageBuffer
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.buffer = new MessageBuffer(clock)
  }

  /** Takes what comes for an agent, until it has ended. */
  async receiveInto({ client }: Agent, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const inbox = client.messages.inbox({ maxAckPending, ackWaitMs: unshownAckWaitMs }, { signal: ended })
      // Whoever asks for messages while it is broken off asks the server.
      await this.#bufferAll(inbox).catch(() => undefined)
      await sleep(this.#clock, reopenDelayMs, ended)
    }
  }

  async #bufferAll(inbox: AsyncIterable<Delivery>): Promise<void> {
    for await (const delivery of inbox) this.buffer.add([delivery])
  }

  /** What `find` finds here, now or once a message has come; undefined after `ms`, or as soon as `signal` says so. */
  async waitUntil<T>(find: () => T | undefined, ms: number, signal: AbortSignal): Promise<T | undefined> {
    const found = find()
    if (found !== undefined) return found
    const arrived = new AbortController()
    const leave = this.buffer.onMessage(() => arrived.abort())
    await sleep(this.#clock, ms, AbortSignal.any([signal, arrived.signal])).finally(leave)
    return signal.aborted ? undefined : find()
  }

  /** A signal for a wait that a message of such a mode ends: aborted by one that is there or comes. Call `leave` after the wait. */
  interruptOn(leastUrgentMode: DeliveryMode): { readonly signal: AbortSignal; readonly leave: () => void } {
    const arrived = new AbortController()
    const check = () => {
      if (this.buffer.peek(leastUrgentMode).length > 0) arrived.abort()
    }
    const leave = this.buffer.onMessage(check)
    check()
    return { signal: arrived.signal, leave }
  }

  /** Waits until a message is here, of a type where one is given; it stays. */
  async waitForMessage(type: string | undefined, ended: AbortSignal): Promise<WaitResult | undefined> {
    const first = () => this.buffer.peek('digest').find((mail) => type === undefined || mail.type === type)
    while (!ended.aborted) {
      const mail = await this.waitUntil(first, pollIntervalMs, ended)
      if (mail) return { for: 'message', messageId: mail.id, from: mail.from, type: mail.type }
    }
    return undefined
  }

  /** Tells the senders that the model is shown these now. Where that fails the next heartbeat does. */
  async reportShown({ client }: Agent, messageIds: readonly string[]): Promise<void> {
    await Promise.allSettled(this.buffer.receiptsOf(messageIds).map((receipt) => this.#reportReceipt(client, receipt)))
  }

  async #reportReceipt(client: Client, receipt: Receipt): Promise<void> {
    await client.messages.inProgress({ ...receipt, ackWaitMs: shownAckWaitMs, shown: true })
    this.buffer.told(receipt.messageId)
  }

  /** Whoever calls again has read what was shown. */
  async ackShown({ client }: Agent): Promise<void> {
    const acks = this.buffer.takeShownReceipts()
    if (acks.length > 0) await client.messages.ack({ acks: acks.slice(0, 200) }).catch(() => undefined)
  }

  /** Keeps the server from handing out again what is here. */
  async renewAckDeadlines({ client }: Agent): Promise<void> {
    const { held, shown } = this.buffer.due()
    await Promise.allSettled([
      ...held.map((receipt) => client.messages.inProgress({ ...receipt, ackWaitMs: unshownAckWaitMs })),
      ...shown.map((receipt) => this.#reportReceipt(client, receipt)),
    ])
  }

  /** Gives back what was not shown, for whoever sits here next. */
  async close({ client }: Agent, deadlineMs: number): Promise<void> {
    const receipts = this.buffer.takeUnshownReceipts()
    await Promise.allSettled(receipts.map((receipt) => client.messages.nak({ ...receipt, delayMs: 0 }, { deadlineMs })))
  }
}
