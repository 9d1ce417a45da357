import {
  type Drivers,
  inParallel,
  type MessageDriver,
  type MessageObserver,
  type Sizes,
  type TaskDriver,
  type TaskMode,
  type TaskObserver,
} from '../load/driver.ts'
import { importPackage } from './packages.ts'

interface Message {
  readonly content: Buffer
}

interface Channel {
  assertQueue(name: string, options: object): Promise<unknown>
  prefetch(count: number): Promise<unknown>
  consume(queue: string, onMessage: (message: Message | null) => void): Promise<unknown>
  ack(message: Message, allUpTo?: boolean): void
  close(): Promise<void>
}

interface ConfirmChannel extends Channel {
  sendToQueue(
    queue: string,
    content: Buffer,
    options: { readonly persistent: boolean },
    onConfirmed: (error: Error | null) => void,
  ): boolean
}

interface Connection {
  createChannel(): Promise<Channel>
  createConfirmChannel(): Promise<ConfirmChannel>
  close(): Promise<void>
}

interface Amqp {
  connect(url: string): Promise<Connection>
}

const quorum = { durable: true, arguments: { 'x-queue-type': 'quorum' } }

const connect = async (url: string): Promise<Connection> => (await importPackage<Amqp>('amqplib')).connect(url)

/** Publishes a persistent message. Resolves when the quorum queue has confirmed it. */
const publish = (channel: ConfirmChannel | undefined, queue: string, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    channel?.sendToQueue(queue, Buffer.from(text), { persistent: true }, (error) => (error ? reject(error) : resolve()))
  })

/**
 * Acks the messages that a channel has received in this turn of the event loop, in one frame. The
 * protocol has no confirmation of an ack.
 */
class TurnAcks {
  readonly #channel: Channel
  readonly #onAcked: (count: number) => void
  #last: Message | undefined
  #count = 0

  constructor(channel: Channel, onAcked: (count: number) => void) {
    this.#channel = channel
    this.#onAcked = onAcked
  }

  add(message: Message): void {
    if (this.#count === 0) setImmediate(() => this.#flush())
    this.#last = message
    this.#count += 1
  }

  #flush(): void {
    const count = this.#count
    this.#count = 0
    if (this.#last) this.#channel.ack(this.#last, true)
    this.#onAcked(count)
  }
}

/** A quorum queue, a connection and a consumer for each inbox. */
class RabbitMessages implements MessageDriver {
  readonly #url: string
  #connections: Connection[] = []
  #senders: ConfirmChannel[] = []
  #readers: Channel[] = []

  constructor(url: string) {
    this.#url = url
  }

  async open({ senders, inboxes }: Sizes, { onMessage, onAcked }: MessageObserver): Promise<void> {
    const sending = await inParallel(senders, () => connect(this.#url))
    this.#senders = await Promise.all(sending.map((connection) => connection.createConfirmChannel()))
    for (let inbox = 0; inbox < inboxes; inbox += 1) await this.#senders[0]?.assertQueue(`inbox-${inbox}`, quorum)
    const reading = await inParallel(inboxes, () => connect(this.#url))
    this.#connections = [...sending, ...reading]
    this.#readers = await Promise.all(reading.map((connection) => connection.createChannel()))
    for (const [inbox, channel] of this.#readers.entries()) {
      const acks = new TurnAcks(channel, onAcked)
      await channel.prefetch(1_000)
      await channel.consume(`inbox-${inbox}`, (message) => {
        if (!message) return
        onMessage(message.content.toString())
        acks.add(message)
      })
    }
  }

  send(sender: number, inbox: number, text: string): Promise<unknown> {
    return publish(this.#senders[sender], `inbox-${inbox}`, text)
  }

  /** A reply to a later call on a channel shows that the broker has read its acks. */
  async settle(): Promise<void> {
    await Promise.all(this.#readers.map((channel) => channel.prefetch(1_000)))
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()))
  }
}

/** One quorum queue, with a consumer for each worker: prefetch 1, or a batch. */
class RabbitTasks implements TaskDriver {
  readonly #url: string
  #sizes: Sizes | undefined
  #connections: Connection[] = []
  #publisher: ConfirmChannel | undefined

  constructor(url: string) {
    this.#url = url
  }

  async open(sizes: Sizes): Promise<void> {
    this.#sizes = sizes
    this.#connections = await inParallel(sizes.workers, () => connect(this.#url))
    this.#publisher = await this.#connections[0]?.createConfirmChannel()
    await this.#publisher?.assertQueue('tasks', quorum)
  }

  async create(count: number): Promise<void> {
    for (let made = 0; made < count; made += 1_000)
      await inParallel(Math.min(1_000, count - made), () => publish(this.#publisher, 'tasks', '{}'))
  }

  async run(mode: TaskMode, _n: number, observer: TaskObserver): Promise<() => Promise<void>> {
    const prefetch = mode === 'batched' ? (this.#sizes?.batch ?? 1) : 1
    const channels = await Promise.all(this.#connections.map((connection) => connection.createChannel()))
    await new Promise<void>((resolve) => {
      const consume = async (channel: Channel) => {
        const acks = new TurnAcks(channel, (count) => {
          observer.onCompleted(count)
          if (observer.isDone) resolve()
        })
        await channel.prefetch(prefetch)
        await channel.consume('tasks', (message) => message && acks.add(message))
      }
      for (const channel of channels) void consume(channel)
    })
    // A reply to a later call on a channel shows that the broker has read its acks.
    await Promise.all(channels.map((channel) => channel.prefetch(prefetch)))
    return async () => void (await Promise.all(channels.map((channel) => channel.close())))
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()))
  }
}

export const drivers: Drivers = {
  messages: ({ url }) => new RabbitMessages(url),
  tasks: ({ url }) => new RabbitTasks(url),
}
