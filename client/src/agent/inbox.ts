import type { Client } from '../api/client.ts'
import { TonyError } from '../api/errors.ts'
import { unheld } from '../connection/timers.ts'
import type { Delivery } from '../generated/api.ts'
import { answer, type RequestHandler, requestIn } from './requests.ts'
import { type Observe, observed } from './work-stats.ts'

export interface MailOptions {
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
const inAdvance = 10

/** A message this process has. Delivered again, it is the same one with a newer receipt. */
interface Held {
  message: Delivery
}

/** What was delivered and is not settled, in order. */
class Tray {
  readonly #held = new Map<string, Held>()
  readonly #waiting: Held[] = []
  readonly #readers: ((held: Held | undefined) => void)[] = []
  #closed = false

  put(message: Delivery): void {
    const known = this.#held.get(message.id)
    if (known) {
      known.message = message
      return
    }
    const held = { message }
    this.#held.set(message.id, held)
    const reader = this.#readers.shift()
    if (reader) reader(held)
    else this.#waiting.push(held)
  }

  /** The next one to handle; undefined when there will be none. */
  take(): Promise<Held | undefined> {
    const next = this.#closed ? undefined : this.#waiting.shift()
    if (next || this.#closed) return Promise.resolve(next)
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  settled({ message }: Held): void {
    this.#held.delete(message.id)
  }

  /** Those that are handled or wait for it. */
  all(): Held[] {
    return [...this.#held.values()]
  }

  /** It went back to the server while it waited. One that is handled is handled to its end. */
  drop(held: Held): void {
    const index = this.#waiting.indexOf(held)
    if (index === -1) return
    this.#waiting.splice(index, 1)
    this.#held.delete(held.message.id)
  }

  close(): void {
    this.#closed = true
    for (const held of this.#waiting) this.#held.delete(held.message.id)
    for (const reader of this.#readers) reader(undefined)
  }
}

const receiptOf = ({ message }: Held) => ({ messageId: message.id, receipt: message.receipt })

/** Tells the server that a message is still here. One it has taken back is let go of, unless it is being handled. */
function tell(client: Client, tray: Tray, held: Held, ackWaitMs: number): void {
  const { receipt } = held.message
  client.messages
    .inProgress({ ...receiptOf(held), ackWaitMs }, { deadlineMs: ackWaitMs / 2 })
    .catch((error: unknown) => {
      const isOver = error instanceof TonyError && error.code === 'STALE_RECEIPT'
      if (isOver && held.message.receipt === receipt) tray.drop(held)
    })
}

/** Reads an agent's inbox: each message is acked when its handler returns and nak'ed when it throws. */
export function readMail(
  client: Client,
  handler: (message: Delivery) => unknown,
  { concurrency = 1, ackWaitMs = defaultAckWaitMs, onRequest, onError }: MailOptions,
  observe: Observe = () => undefined,
): { stop(): Promise<void> } {
  const inbox = client.messages.inbox({ ackWaitMs, maxAckPending: Math.min(1_000, concurrency + inAdvance) })
  const tray = new Tray()
  const telling = unheld(
    setInterval(() => {
      for (const held of tray.all()) tell(client, tray, held, ackWaitMs)
    }, ackWaitMs / 2),
  )
  const settle = async (held: Held): Promise<void> => {
    const request = onRequest && requestIn(held.message)
    if (request) return answer(client, onRequest, request, observe)
    try {
      await observed(observe, () => handler(held.message))
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      await client.messages.nak({ ...receiptOf(held), error: text.slice(0, 4_096) })
      return
    }
    await client.messages.ack(receiptOf(held))
  }
  const handle = async (): Promise<void> => {
    for (let held = await tray.take(); held; held = await tray.take()) {
      const { message } = held
      await settle(held).catch((error: unknown) => onError?.(error, message))
      tray.settled(held)
    }
  }
  const collect = async (): Promise<void> => {
    for await (const message of inbox) tray.put(message)
  }
  const collecting = collect()
    .catch((error: unknown) => onError?.(error, undefined))
    .finally(() => tray.close())
  const handlers = Array.from({ length: concurrency }, handle)
  const ended = Promise.all([collecting, ...handlers]).finally(() => clearInterval(telling))
  return {
    stop: async () => {
      inbox.close()
      tray.close()
      await ended
    },
  }
}
