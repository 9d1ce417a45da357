import {
  type Drivers,
  type FeedDriver,
  inParallel,
  type MessageDriver,
  type MessageObserver,
  type Sizes,
  type TaskDriver,
  type TaskMode,
  type TaskObserver,
} from '../load/driver.ts'
import { runWorkers } from '../load/tasks.ts'
import { connectRedis, entriesOf, type Read, type Redis } from './redis-client.ts'

/** Size of the text of an event: that of an event's frame of this product. */
export const eventLength = 352

const group = 'group'

/** Redis Streams: a stream and a consumer group for each inbox, and a blocking reader for each. */
class RedisMessages implements MessageDriver {
  readonly #url: string
  #senders: Redis[] = []
  #readers: Redis[] = []
  #closed = false

  constructor(url: string) {
    this.#url = url
  }

  async open({ senders, inboxes }: Sizes, observer: MessageObserver): Promise<void> {
    this.#senders = await inParallel(senders, () => connectRedis(this.#url))
    this.#readers = await inParallel(inboxes, () => connectRedis(this.#url))
    for (const [index, reader] of this.#readers.entries()) {
      const stream = `inbox-${index}`
      await reader.xgroup('CREATE', stream, group, '0', 'MKSTREAM')
      void this.#receive(reader, stream, observer)
    }
  }

  send(sender: number, inbox: number, text: string): Promise<unknown> | undefined {
    return this.#senders[sender]?.xadd(`inbox-${inbox}`, '*', 'text', text)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const redis of [...this.#senders, ...this.#readers]) redis.disconnect()
  }

  async #receive(reader: Redis, stream: string, { onMessage, onAcked }: MessageObserver): Promise<void> {
    const read = ['GROUP', group, 'reader', 'COUNT', 100, 'BLOCK', 0, 'STREAMS', stream, '>'] as const
    while (!this.#closed) {
      const entries = entriesOf(await reader.xreadgroup(...read).catch(() => null))
      if (entries.length === 0) continue
      for (const [, [, text = '']] of entries) onMessage(text)
      void reader.xack(stream, group, ...entries.map(([id]) => id)).then(onAcked)
    }
  }
}

const tasks = 'tasks'
const readOf = (worker: number, count: number) =>
  ['GROUP', group, `worker-${worker}`, 'COUNT', count, 'STREAMS', tasks, '>'] as const

/** Redis Streams: one stream of tasks, whose consumers are the workers. */
class RedisTasks implements TaskDriver {
  readonly #url: string
  #workers: Redis[] = []
  #batch = 1

  constructor(url: string) {
    this.#url = url
  }

  async open({ workers, batch }: Sizes): Promise<void> {
    this.#batch = batch
    this.#workers = await inParallel(workers, () => connectRedis(this.#url))
    await this.#workers[0]?.xgroup('CREATE', tasks, group, '0', 'MKSTREAM')
  }

  async create(count: number): Promise<void> {
    const pipeline = this.#workers[0]?.pipeline()
    for (let index = 0; index < count; index += 1) pipeline?.xadd(tasks, '*', 'type', 'bench')
    await pipeline?.exec()
  }

  async run(mode: TaskMode, _n: number, observer: TaskObserver): Promise<() => Promise<void>> {
    if (mode === 'fused') await this.#runFused(observer)
    else
      await runWorkers(this.#workers.length, observer, (worker) =>
        this.#step(worker, mode === 'single' ? 1 : this.#batch),
      )
    return () => Promise.resolve()
  }

  async close(): Promise<void> {
    for (const redis of this.#workers) redis.disconnect()
  }

  async #step(worker: number, count: number): Promise<number> {
    const redis = this.#workers[worker]
    const entries = entriesOf((await redis?.xreadgroup(...readOf(worker, count))) ?? null)
    if (entries.length === 0) return 0
    return (await redis?.xack(tasks, group, ...entries.map(([id]) => id))) ?? 0
  }

  /** One round trip acks a task and reads the next. */
  async #runFused(observer: TaskObserver): Promise<void> {
    const work = async (redis: Redis, worker: number) => {
      let [entry] = entriesOf(await redis.xreadgroup(...readOf(worker, 1)))
      while (entry) {
        const replies = await redis
          .pipeline()
          .xack(tasks, group, entry[0])
          .xreadgroup(...readOf(worker, 1))
          .exec()
        observer.onCompleted(Number(replies[0]?.[1]))
        entry = entriesOf(replies[1]?.[1] as Read)[0]
      }
    }
    await Promise.all(this.#workers.map(work))
  }
}

/** Redis pub/sub, which keeps nothing. */
class RedisFeed implements FeedDriver {
  readonly #url: string
  #connections: Redis[] = []
  #publisher: Redis | undefined

  constructor(url: string) {
    this.#url = url
  }

  async open({ subscribers }: Sizes, onEvent: (text: string) => void): Promise<void> {
    this.#publisher = await connectRedis(this.#url)
    this.#connections = await inParallel(subscribers, async () => {
      const redis = await connectRedis(this.#url)
      redis.on('message', (_channel, text) => onEvent(text))
      await redis.subscribe('feed')
      return redis
    })
  }

  publish(text: string): Promise<unknown> | undefined {
    return this.#publisher?.publish('feed', text.padEnd(eventLength))
  }

  async close(): Promise<void> {
    for (const redis of this.#connections) redis.disconnect()
    this.#publisher?.disconnect()
  }
}

export const drivers: Drivers = {
  messages: ({ url }) => new RedisMessages(url),
  tasks: ({ url }) => new RedisTasks(url),
  feed: ({ url }) => new RedisFeed(url),
}
