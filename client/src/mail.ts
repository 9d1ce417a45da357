import type { Client } from './client.ts'
import { type Observe, observed } from './gauge.ts'
import type { Delivery } from './generated/api.ts'
import { answer, type RequestHandler, requestIn } from './requests.ts'

export interface MailOptions {
  /** How many messages are handled at a time. Default 1: in order. */
  readonly concurrency?: number
  /**
   * How long a message stays with this process when that is heard of no more, in milliseconds: 1 000 to 600 000, default 30 000.
   * While a handler runs, the server is told so twice in that time: a slow one does not get its message again.
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

/** Reads an agent's inbox: each message is acked when its handler returns and nak'ed when it throws. */
export function readMail(
  client: Client,
  handler: (message: Delivery) => unknown,
  { concurrency = 1, ackWaitMs = defaultAckWaitMs, onRequest, onError }: MailOptions,
  observe: Observe = () => undefined,
): { stop(): Promise<void> } {
  const inbox = client.messages.inbox({ ackWaitMs })
  /** Runs the handler, and keeps the delivery for it meanwhile. */
  const handle = async (message: Delivery, receipt: { messageId: string; receipt: string }): Promise<void> => {
    const telling = setInterval(() => {
      client.messages.inProgress({ ...receipt, ackWaitMs }).catch(() => clearInterval(telling))
    }, ackWaitMs / 2)
    try {
      await observed(observe, () => handler(message))
    } finally {
      clearInterval(telling)
    }
  }
  const settle = async (message: Delivery): Promise<void> => {
    const request = onRequest && requestIn(message)
    if (request) return answer(client, onRequest, request, observe)
    const receipt = { messageId: message.id, receipt: message.receipt }
    try {
      await handle(message, receipt)
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      await client.messages.nak({ ...receipt, error: text.slice(0, 4_096) })
      return
    }
    await client.messages.ack(receipt)
  }
  const iterator = inbox[Symbol.asyncIterator]()
  const read = async (): Promise<void> => {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      const message = next.value
      await settle(message).catch((error: unknown) => onError?.(error, message))
    }
  }
  const readers = Array.from({ length: concurrency }, () =>
    read().catch((error: unknown) => onError?.(error, undefined)),
  )
  return {
    stop: async () => {
      inbox.close()
      await Promise.all(readers)
    },
  }
}
