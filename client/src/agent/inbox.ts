import type { Client } from '../api/client.ts'
import { TonyError } from '../api/errors.ts'
import { unrefTimer } from '../connection/timers.ts'
import type { Delivery } from '../generated/api.ts'
import { answerRequest, type RequestHandler, toIncomingRequest } from './requests.ts'
import { measureWork, type WorkObserver } from './work-stats.ts'

export interface InboxOptions {
  /** How many messages are handled at a time. Default 1: in order. */
  readonly concurrency?: number
  /**
   * How long a message stays with this process when that is heard of no more, in milliseconds: 1 000 to 600 000, default 30 000.
   * While a message is handled or waits for that, the server is told so twice in that time: a slow handler does not get its
   * message again.
   */
  readonly ackWaitMs?: number
  /**
   * Answers requests of other agents, which then do not reach the handler of messages. Without it that handler gets them as
   * messages of the type `request`, and answers with `requests.reply`.
   */
  readonly onRequest?: RequestHandler
  /** Told of everything that went wrong around the handler: a stale receipt, a refused call. */
  readonly onError?: (error: unknown, message: Delivery | undefined) => void
}

const defaultAckWaitMs = 30_000

/** So many messages beyond those that are handled are taken in advance. */
const prefetchCount = 10

/** A message this process has. Delivered again, it is the same one with a newer receipt. */
interface HeldMessage {
  message: Delivery
}

/** What was delivered and is not settled, in order. */
class DeliveryBuffer {
  readonly #messages = new Map<string, HeldMessage>()
  readonly #unhandled: HeldMessage[] = []
  readonly #readers: ((held: HeldMessage | undefined) => void)[] = []
  #closed = false

  add(message: Delivery): void {
    const known = this.#messages.get(message.id)
    if (known) {
      known.message = message
      return
    }
    const held = { message }
    this.#messages.set(message.id, held)
    const reader = this.#readers.shift()
    if (reader) reader(held)
    else this.#unhandled.push(held)
  }

  /** The next one to handle; undefined when there will be none. */
  next(): Promise<HeldMessage | undefined> {
    const next = this.#closed ? undefined : this.#unhandled.shift()
    if (next || this.#closed) return Promise.resolve(next)
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  remove({ message }: HeldMessage): void {
    this.#messages.delete(message.id)
  }

  /** Those that are handled or wait for it. */
  all(): HeldMessage[] {
    return [...this.#messages.values()]
  }

  /** It went back to the server while it waited. One that is handled is handled to its end. */
  discard(held: HeldMessage): void {
    const index = this.#unhandled.indexOf(held)
    if (index === -1) return
    this.#unhandled.splice(index, 1)
    this.#messages.delete(held.message.id)
  }

  close(): void {
    this.#closed = true
    for (const held of this.#unhandled) this.#messages.delete(held.message.id)
    for (const reader of this.#readers) reader(undefined)
  }
}

const receiptOf = ({ message }: HeldMessage) => ({ messageId: message.id, receipt: message.receipt })

/** Tells the server that a message is still here. One it has taken back is let go of, unless it is being handled. */
function extendAckDeadline(client: Client, buffer: DeliveryBuffer, held: HeldMessage, ackWaitMs: number): void {
  const { receipt } = held.message
  client.messages
    .inProgress({ ...receiptOf(held), ackWaitMs }, { deadlineMs: ackWaitMs / 2 })
    .catch((error: unknown) => {
      const isOver = error instanceof TonyError && error.code === 'STALE_RECEIPT'
      if (isOver && held.message.receipt === receipt) buffer.discard(held)
    })
}

/** Reads an agent's inbox: each message is acked when its handler returns and nak'ed when it throws. */
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
