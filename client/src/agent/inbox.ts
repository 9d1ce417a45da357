import type { Client } from '../api/client.ts'
import { TonyError } from '../api/errors.ts'
import { unrefTimer } from '../connection/timers.ts'
import type { Delivery } from '../generated/api.ts'
import { answerRequest, type RequestHandler, toIncomingRequest } from './requests.ts'
import { measureWork, type WorkObserver } from './work-stats.ts'

/** Options of `Agent.onMessage`. */
export interface InboxOptions {
  /** Number of messages handled at the same time. Default 1, which keeps their order. */
  readonly concurrency?: number
  /**
   * Time after which the server redelivers a message whose receipt is not renewed, in milliseconds:
   * 1 000 to 600 000, default 30 000. The client renews it twice in that time while a message is
   * handled or waits in this process, so a slow handler does not receive it again.
   */
  readonly ackWaitMs?: number
  /**
   * Handles requests of other agents, which then do not reach the message handler. Without it the
   * message handler receives them as messages of the type `request` and replies with `Agent.reply`.
   */
  readonly onRequest?: RequestHandler
  /**
   * Called for each error outside the handler, such as a stale receipt or a refused call. `message`
   * is undefined if the error belongs to no message.
   */
  readonly onError?: (error: unknown, message: Delivery | undefined) => void
}

const defaultAckWaitMs = 30_000

/** Number of messages fetched in advance, in addition to those in handlers. */
const prefetchCount = 10

/** A message in this process. A redelivery replaces `message` by the one with the newer receipt. */
interface HeldMessage {
  message: Delivery
}

/** The unsettled messages of this process, in the order of their delivery. */
class DeliveryBuffer {
  readonly #messages = new Map<string, HeldMessage>()
  readonly #unhandled: HeldMessage[] = []
  readonly #waitingHandlers: ((held: HeldMessage | undefined) => void)[] = []
  #closed = false

  add(message: Delivery): void {
    const known = this.#messages.get(message.id)
    if (known) {
      known.message = message
      return
    }
    const held = { message }
    this.#messages.set(message.id, held)
    const reader = this.#waitingHandlers.shift()
    if (reader) reader(held)
    else this.#unhandled.push(held)
  }

  /** Returns the next message to handle; undefined after `close`. */
  next(): Promise<HeldMessage | undefined> {
    const next = this.#closed ? undefined : this.#unhandled.shift()
    if (next || this.#closed) return Promise.resolve(next)
    return new Promise((resolve) => this.#waitingHandlers.push(resolve))
  }

  remove({ message }: HeldMessage): void {
    this.#messages.delete(message.id)
  }

  /** Returns every message that is handled or waits to be handled. */
  all(): HeldMessage[] {
    return [...this.#messages.values()]
  }

  /** Drops a waiting message because the server has requeued it. A message in a handler stays. */
  discard(held: HeldMessage): void {
    const index = this.#unhandled.indexOf(held)
    if (index === -1) return
    this.#unhandled.splice(index, 1)
    this.#messages.delete(held.message.id)
  }

  close(): void {
    this.#closed = true
    for (const held of this.#unhandled) this.#messages.delete(held.message.id)
    for (const reader of this.#waitingHandlers) reader(undefined)
  }
}

const receiptOf = ({ message }: HeldMessage) => ({ messageId: message.id, receipt: message.receipt })

/**
 * Extends the ack deadline of a message. Drops it if the server has requeued it, unless it is being
 * handled.
 */
function extendAckDeadline(client: Client, buffer: DeliveryBuffer, held: HeldMessage, ackWaitMs: number): void {
  const { receipt } = held.message
  client.messages
    .inProgress({ ...receiptOf(held), ackWaitMs }, { deadlineMs: ackWaitMs / 2 })
    .catch((error: unknown) => {
      const isOver = error instanceof TonyError && error.code === 'STALE_RECEIPT'
      if (isOver && held.message.receipt === receipt) buffer.discard(held)
    })
}

/**
 * Consumes an agent's inbox. Acks each message when its handler returns and naks it when the
 * handler throws.
 */
export function consumeInbox(
  client: Client,
  handler: (message: Delivery) => unknown,
  { concurrency = 1, ackWaitMs = defaultAckWaitMs, onRequest, onError }: InboxOptions,
  observe: WorkObserver = () => undefined,
): { stop(): Promise<void> } {
  const inbox = client.messages.inbox({ ackWaitMs, maxAckPending: Math.min(1_000, concurrency + prefetchCount) })
  const buffer = new DeliveryBuffer()
  const extendTimer = unrefTimer(
    setInterval(() => {
      for (const held of buffer.all()) extendAckDeadline(client, buffer, held, ackWaitMs)
    }, ackWaitMs / 2),
  )
  const settle = async (held: HeldMessage): Promise<void> => {
    const request = onRequest && toIncomingRequest(held.message)
    if (request) return answerRequest(client, onRequest, request, observe)
    try {
      await measureWork(observe, () => handler(held.message))
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      await client.messages.nak({ ...receiptOf(held), error: text.slice(0, 4_096) })
      return
    }
    await client.messages.ack(receiptOf(held))
  }
  const handle = async (): Promise<void> => {
    for (let held = await buffer.next(); held; held = await buffer.next()) {
      const { message } = held
      await settle(held).catch((error: unknown) => onError?.(error, message))
      buffer.remove(held)
    }
  }
  const collect = async (): Promise<void> => {
    for await (const message of inbox) buffer.add(message)
  }
  const collecting = collect()
    .catch((error: unknown) => onError?.(error, undefined))
    .finally(() => buffer.close())
  const handlers = Array.from({ length: concurrency }, handle)
  const ended = Promise.all([collecting, ...handlers]).finally(() => clearInterval(extendTimer))
  return {
    stop: async () => {
      inbox.close()
      buffer.close()
      await ended
    },
  }
}
