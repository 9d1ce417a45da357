import { setImmediate } from 'node:timers/promises'
import type { Agent, Client, Delivery } from '@tony/mcp-client'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { Output } from '@tony/mcp-tools/calls'
import type { MessageRenderer, ShowOptions } from '@tony/mcp-tools/tool-session'
import { type Clock, raceWithAbort, sleep } from '../clock.ts'
import type { WaitResult } from '../session/poll.ts'
import { MessageBuffer, type Receipt, shownAckWaitMs, unshownAckWaitMs } from './message-buffer.ts'

/** Number of messages that may wait in the bridge; critical ones may exceed it by ten. */
export const maxAckPending = 1_000

/** Time for the report of shown messages, in milliseconds. */
const reportTimeoutMs = 500

type ReceivedPage = Pick<Output<'messages.receive'>, 'messages' | 'more'>

interface AwaitOptions {
  readonly waitMs: number
  readonly signal: AbortSignal
  readonly receive: () => Promise<ReceivedPage>
}

/** Longest single wait for a message, in milliseconds; a longer wait repeats it. */
const maxSingleWaitMs = 60_000

/** Delay before a broken subscription to the inbox is opened again, in milliseconds. */
const reopenDelayMs = 10_000

/**
 * The inbox of one host session. Messages arrive through a subscription, wait for their delivery
 * mode and are acked once the model has read them.
 */
export class Inbox {
  readonly buffer: MessageBuffer
  readonly #clock: Clock
  /** True if the last reply of the server was full. */
  #isServerAhead = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.buffer = new MessageBuffer(clock)
  }

  /** Receives the messages of an agent until the signal aborts. */
  async receiveFrom({ client }: Agent, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const inbox = client.messages.inbox({ maxAckPending, ackWaitMs: unshownAckWaitMs }, { signal: ended })
      // While the subscription is broken, each call of `awaitMessages` asks the server.
      await this.#bufferAll(inbox).catch(() => undefined)
      await sleep(this.#clock, reopenDelayMs, ended)
    }
  }

  /** Adds the messages of one reply. A server of an earlier version omits `more`. */
  addPage({ messages, more }: { readonly messages: readonly Delivery[]; readonly more?: boolean }): void {
    this.buffer.add(messages)
    this.#isServerAhead = more === true
  }

  /** True if more messages may be ready, here or on the server. */
  hasMore(leastUrgentMode: DeliveryMode): boolean {
    return this.#isServerAhead || this.buffer.peek(leastUrgentMode).length > 0
  }

  /**
   * Shows the messages that are here, in order, as far as the output reaches. Nothing is shown if
   * the signal of the wait aborts while the names of the senders are loaded.
   */
  async show({ upTo, limit, wait }: ShowOptions, renderer: MessageRenderer): Promise<readonly string[]> {
    const candidates = this.buffer.peek(upTo).slice(0, limit)
    const names = renderer.prepare(candidates)
    await (wait ? raceWithAbort(names, wait.signal) : names)
    const shown: string[] = []
    // From here on nothing waits: another output of this session cannot show the same message.
    const current = new Set(this.buffer.peek(upTo).map(({ id }) => id))
    for (const message of wait?.signal.aborted ? [] : candidates.filter(({ id }) => current.has(id))) {
      const extent = renderer.show(message)
      if (extent === 'part') this.buffer.markPartlyShown(message.id)
      if (extent !== 'whole') break
      this.buffer.markShown(message.id)
      shown.push(message.id)
    }
    return shown
  }

  async #bufferAll(inbox: AsyncIterable<Delivery>): Promise<void> {
    for await (const delivery of inbox) this.buffer.add([delivery])
  }

  /**
   * Returns the result of `find`, at once or after a message has arrived; undefined after `ms` or
   * when the signal aborts.
   */
  async waitUntil<T>(find: () => T | undefined, ms: number, signal: AbortSignal): Promise<T | undefined> {
    const found = find()
    if (found !== undefined) return found
    const arrived = new AbortController()
    const stopListening = this.buffer.onMessage(() => arrived.abort())
    await sleep(this.#clock, ms, AbortSignal.any([signal, arrived.signal])).finally(stopListening)
    return signal.aborted ? undefined : find()
  }

  /**
   * Returns a signal for a wait that a message ends. It aborts when a message of this mode or a
   * more urgent one is here or arrives. Call `stopListening` after the wait.
   */
  interruptOn(leastUrgentMode: DeliveryMode): { readonly signal: AbortSignal; readonly stopListening: () => void } {
    const arrived = new AbortController()
    const check = () => {
      if (this.buffer.peek(leastUrgentMode).length > 0) arrived.abort()
    }
    const stopListening = this.buffer.onMessage(check)
    check()
    return { signal: arrived.signal, stopListening }
  }

  /** Waits until a message is here, of the type if one is given. The message stays here. */
  async waitForMessage(type: string | undefined, ended: AbortSignal): Promise<WaitResult | undefined> {
    const first = () => this.buffer.peek('digest').find((message) => type === undefined || message.type === type)
    while (!ended.aborted) {
      const message = await this.waitUntil(first, maxSingleWaitMs, ended)
      if (message) return { for: 'message', messageId: message.id, from: message.from, type: message.type }
    }
    return undefined
  }

  /**
   * Returns true once a message of this mode or a more urgent one is here, after one call of
   * `receive` if there is none; undefined if none came in time.
   */
  async awaitMessages(
    leastUrgentMode: DeliveryMode,
    { waitMs, signal, receive }: AwaitOptions,
  ): Promise<true | undefined> {
    const available = () => (this.buffer.peek(leastUrgentMode).length > 0 ? true : undefined)
    if (available()) return true
    this.addPage(await receive())
    // Messages may have reached the subscription just before this call. They are buffered first.
    await setImmediate()
    return waitMs === 0 ? available() : this.waitUntil(available, waitMs, signal)
  }

  /**
   * Reports to the senders that the model sees these messages now. The host waits for the report,
   * for half a second at most. After a failure the next heartbeat repeats it.
   */
  async reportShown({ client }: Agent, messageIds: readonly string[]): Promise<void> {
    const ended = new AbortController()
    const reports = this.buffer.receiptsOf(messageIds).map((receipt) => this.#reportReceipt(client, receipt))
    const reported = Promise.allSettled(reports).finally(() => ended.abort())
    await Promise.race([reported, sleep(this.#clock, reportTimeoutMs, ended.signal)])
  }

  async #reportReceipt(client: Client, receipt: Receipt): Promise<void> {
    await client.messages.inProgress({ ...receipt, ackWaitMs: shownAckWaitMs, shown: true })
    this.buffer.markReported(receipt.messageId)
  }

  /** Acks the shown messages. A model that calls again has read them. */
  async ackShown({ client }: Agent): Promise<void> {
    const acks = this.buffer.takeShownReceipts()
    if (acks.length > 0) await client.messages.ack({ acks: acks.slice(0, 200) }).catch(() => undefined)
  }

  /** Extends the ack deadlines of the messages here, so that the server does not redeliver them. */
  async renewAckDeadlines({ client }: Agent): Promise<void> {
    const { held, shown } = this.buffer.takeDueReceipts()
    await Promise.allSettled([
      ...held.map((receipt) => client.messages.inProgress({ ...receipt, ackWaitMs: unshownAckWaitMs })),
      ...shown.map((receipt) => this.#reportReceipt(client, receipt)),
    ])
  }

  /** Naks the messages that were not shown, for the next session of this agent. */
  async close({ client }: Agent, deadlineMs: number): Promise<void> {
    const receipts = this.buffer.takeUnshownReceipts()
    await Promise.allSettled(receipts.map((receipt) => client.messages.nak({ ...receipt, delayMs: 0 }, { deadlineMs })))
  }
}
