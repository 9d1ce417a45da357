import type { Agent, Client, Delivery } from '@tony/mcp-client'
import type { DeliveryMode } from '@tony/mcp-shared/messages'
import { type Clock, pause } from '../clock.ts'
import type { Found } from '../session/poll.ts'
import { heldForMs, Letters, type Receipt, shownForMs } from './message-buffer.ts'

/** How many messages may wait here for their moment, ten more where they are critical. */
export const maxAckPending = 1_000

/** So many messages are shown at one moment; what is left comes at the next. */
export const shownAtOnce = 10

/** How long one wait for a message is, in milliseconds; longer ones are several. */
const lookAgainMs = 60_000

/** How long after an inbox was broken off it is opened again, in milliseconds. */
const againMs = 10_000

/** One session's inbox: its messages come by themselves, wait for their moment, and are settled once the model has read them. */
export class Mailbox {
  readonly letters: Letters
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.letters = new Letters(clock)
  }

  /** Takes what comes for an agent, until it has ended. */
  async follow({ client }: Agent, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const inbox = client.messages.inbox({ maxAckPending, ackWaitMs: heldForMs }, { signal: ended })
      // Whoever asks for messages while it is broken off asks the server.
      await this.#takeFrom(inbox).catch(() => undefined)
      await pause(this.#clock, againMs, ended)
    }
  }

  async #takeFrom(inbox: AsyncIterable<Delivery>): Promise<void> {
    for await (const delivery of inbox) this.letters.take([delivery])
  }

  /** What `find` finds here, now or once a message has come; undefined after `ms`, or as soon as `signal` says so. */
  async arrival<T>(find: () => T | undefined, ms: number, signal: AbortSignal): Promise<T | undefined> {
    const there = find()
    if (there !== undefined) return there
    const come = new AbortController()
    const leave = this.letters.watch(() => come.abort())
    await pause(this.#clock, ms, AbortSignal.any([signal, come.signal])).finally(leave)
    return signal.aborted ? undefined : find()
  }

  /** A signal for a wait that a message of such a mode ends: aborted by one that is there or comes. Call `leave` after the wait. */
  interruption(upTo: DeliveryMode): { readonly signal: AbortSignal; readonly leave: () => void } {
    const come = new AbortController()
    const check = () => {
      if (this.letters.waiting(upTo).length > 0) come.abort()
    }
    const leave = this.letters.watch(check)
    check()
    return { signal: come.signal, leave }
  }

  /** Waits until a message is here, of a type where one is given; it stays. */
  async look(type: string | undefined, ended: AbortSignal): Promise<Found | undefined> {
    const first = () => this.letters.waiting('digest').find((mail) => type === undefined || mail.type === type)
    while (!ended.aborted) {
      const mail = await this.arrival(first, lookAgainMs, ended)
      if (mail) return { for: 'message', messageId: mail.id, from: mail.from, type: mail.type }
    }
    return undefined
  }

  /** Tells the senders that the model is shown these now. Where that fails the next heartbeat does. */
  async shown({ client }: Agent, messageIds: readonly string[]): Promise<void> {
    await Promise.allSettled(this.letters.receiptsOf(messageIds).map((receipt) => this.#tell(client, receipt)))
  }

  async #tell(client: Client, receipt: Receipt): Promise<void> {
    await client.messages.inProgress({ ...receipt, ackWaitMs: shownForMs, shown: true })
    this.letters.told(receipt.messageId)
  }

  /** Whoever calls again has read what was shown. */
  async acknowledge({ client }: Agent): Promise<void> {
    const acks = this.letters.read()
    if (acks.length > 0) await client.messages.ack({ acks: acks.slice(0, 200) }).catch(() => undefined)
  }

  /** Keeps the server from handing out again what is here. */
  async beat({ client }: Agent): Promise<void> {
    const { held, shown } = this.letters.due()
    await Promise.allSettled([
      ...held.map((receipt) => client.messages.inProgress({ ...receipt, ackWaitMs: heldForMs })),
      ...shown.map((receipt) => this.#tell(client, receipt)),
    ])
  }

  /** Gives back what was not shown, for whoever sits here next. */
  async close({ client }: Agent, deadlineMs: number): Promise<void> {
    const back = this.letters.giveBack()
    await Promise.allSettled(back.map((receipt) => client.messages.nak({ ...receipt, delayMs: 0 }, { deadlineMs })))
  }
}
