import type { DeliveryMode } from '@tony/mcp-shared/messages'
import type { InboxMessage, Input, Output, ProcedurePath } from '@tony/mcp-tools/calls'
import type { MessageRenderer, ShownExtent, ShowOptions, WaitOptions } from '@tony/mcp-tools/tool-session'
import type { Services } from '../../domain/context.ts'
import { findReceipt, findShownReceipts } from '../../domain/tool-sessions/lookups.ts'
import { Notifier } from '../../platform/notifier.ts'

/** Time until a message is redelivered after it was shown, in milliseconds. */
const ackWaitMs = 600_000

type CallFunction = <P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal) => Promise<Output<P>>

interface ReceiveOptions {
  readonly maxBytes?: number | undefined
  readonly wait?: WaitOptions | undefined
}

interface ReceivedMessages {
  readonly message?: InboxMessage
  /** True if another message may be ready. */
  readonly more: boolean
}

/** The messages of one HTTP request of a tool session. */
export class ToolMessages {
  readonly #services: Services
  readonly #call: CallFunction
  /** A message that this request has received and not shown yet. */
  #pending: InboxMessage | undefined
  readonly #receipts = new Map<string, string>()
  #acknowledged = false

  constructor(services: Services, call: CallFunction) {
    this.#services = services
    this.#call = call
  }

  /**
   * Shows messages one at a time, and receives the next one only if it fits: a message that was
   * handed out is shown in this result, at least in part.
   */
  async show(agentId: string, { upTo, limit, wait }: ShowOptions, renderer: MessageRenderer): Promise<boolean> {
    await this.#ackShown(agentId)
    const shown: string[] = []
    let extent: ShownExtent = 'whole'
    let more = false
    for (let count = 0; count < limit && extent === 'whole'; count += 1) {
      const options = { maxBytes: renderer.payloadBytes, wait: count === 0 ? wait : undefined }
      const received = await this.#take(upTo, options)
      more = received.more
      if (!received.message) break
      await renderer.prepare([received.message])
      extent = renderer.show(received.message)
      if (extent === 'whole') shown.push(received.message.id)
    }
    await this.#markShown(shown)
    return more
  }

  /** Extends the delivery of a message that is read in parts, and ends it with the last one. */
  async recordRead(read: { readonly agentId: string; readonly messageId: string; readonly isLastPart: boolean }) {
    const { agentId, messageId, isLastPart } = read
    const [row] = await this.#services.store.read((reader) => reader.run(findReceipt, { agentId, messageId }))
    if (!row?.receipt) return
    const { receipt } = row
    await this.#call('messages.inProgress', { messageId, receipt, ackWaitMs, shown: isLastPart }).catch(() => undefined)
  }

  /**
   * Returns a signal that aborts once a message for the end of a turn was taken, at once if one is
   * there. Call `end` after the wait.
   */
  async interruptOnMessage(
    agentId: string,
  ): Promise<{ readonly signal: AbortSignal; readonly end: () => Promise<void> }> {
    await this.#ackShown(agentId)
    const interrupted = new AbortController()
    const notifier = new Notifier()
    let isOver = false
    const unwatch = this.#services.waiters.inboxes.watch(agentId, (reason) => {
      if (reason === 'message') notifier.notify()
    })
    const attempt = async (): Promise<void> => {
      this.#pending ??= (await this.#receive('turn_end', {})).message
      if (this.#pending) interrupted.abort()
    }
    await attempt().catch((error: unknown) => {
      unwatch()
      throw error
    })
    const poll = async (): Promise<void> => {
      while (!(isOver || interrupted.signal.aborted)) {
        await notifier.wait()
        // The message may not be due yet. On PostgreSQL such a notification repeats every second.
        if (!isOver) await attempt()
      }
    }
    const polling = poll().catch(() => undefined)
    const end = (): Promise<void> => {
      isOver = true
      unwatch()
      notifier.notify()
      return polling
    }
    return { signal: interrupted.signal, end }
  }

  async #take(upTo: DeliveryMode, options: ReceiveOptions): Promise<ReceivedMessages> {
    const message = this.#pending
    if (!message) return this.#receive(upTo, options)
    this.#pending = undefined
    return { message, more: true }
  }

  /** Receives one message, and keeps its receipt for this request. */
  async #receive(upTo: DeliveryMode, { maxBytes, wait }: ReceiveOptions): Promise<ReceivedMessages> {
    const { waitMs = 0, signal } = wait ?? {}
    const input = { limit: 1, waitMs, upTo, ackWaitMs, ...(maxBytes === undefined ? {} : { maxBytes }) }
    const { messages, more } = await this.#call('messages.receive', input, signal)
    const [delivery] = messages
    if (!delivery) return { more }
    const { receipt, ...message } = delivery
    this.#receipts.set(message.id, receipt)
    return { message, more }
  }

  async #markShown(messageIds: readonly string[]): Promise<void> {
    const receipts = messageIds.flatMap((messageId) => {
      const receipt = this.#receipts.get(messageId)
      return receipt === undefined ? [] : [{ messageId, receipt }]
    })
    await Promise.allSettled(
      receipts.map((receipt) => this.#call('messages.inProgress', { ...receipt, ackWaitMs, shown: true })),
    )
  }

  /** Acks the messages shown before this request: a model that calls again has read them. */
  async #ackShown(agentId: string): Promise<void> {
    if (this.#acknowledged) return
    this.#acknowledged = true
    const rows = await this.#services.store.read((reader) => reader.run(findShownReceipts, { agentId }))
    const acks = rows.flatMap(({ messageId, receipt }) => (receipt === null ? [] : [{ messageId, receipt }]))
    if (acks.length > 0) await this.#call('messages.ack', { acks })
  }
}
