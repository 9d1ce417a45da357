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
import { connectRedis, type Redis, redisOptions } from './redis-client.ts'

interface Job {
  readonly data: { readonly text: string }
}

interface Queue {
  add(name: string, data: object): Promise<unknown>
  addBulk(jobs: readonly { readonly name: string; readonly data: object }[]): Promise<unknown>
  close(): Promise<void>
}

interface Worker {
  on(event: 'completed', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  run(): Promise<void>
  waitUntilReady(): Promise<unknown>
  close(force?: boolean): Promise<void>
}

interface Connected {
  readonly connection: object
}

interface BullMq {
  readonly Queue: new (name: string, options: Connected) => Queue
  readonly Worker: new (
    name: string,
    processor: (job: Job) => Promise<void>,
    options: Connected & { readonly concurrency: number; readonly autorun: boolean },
  ) => Worker
}

async function createWorker(
  url: string,
  name: string,
  concurrency: number,
  processor: (job: Job) => Promise<void>,
): Promise<Worker> {
  const { Worker } = await importPackage<BullMq>('bullmq')
  const worker = new Worker(name, processor, { connection: redisOptions(url), concurrency, autorun: false })
  worker.on('error', () => undefined)
  await worker.waitUntilReady()
  return worker
}

/**
 * A queue for each inbox with a worker each. A worker reports a job when its completion is stored.
 */
class BullMqMessages implements MessageDriver {
  readonly #url: string
  #connections: Redis[] = []
  #queues: Queue[] = []
  #workers: Worker[] = []

  constructor(url: string) {
    this.#url = url
  }

  async open({ senders, inboxes }: Sizes, { onMessage, onAcked }: MessageObserver): Promise<void> {
    const { Queue } = await importPackage<BullMq>('bullmq')
    this.#connections = await inParallel(senders, () => connectRedis(this.#url))
    this.#queues = Array.from({ length: inboxes }, (_, inbox) => {
      const connection = this.#connections[inbox % senders] ?? {}
      return new Queue(`inbox-${inbox}`, { connection })
    })
    this.#workers = await inParallel(inboxes, (inbox) =>
      createWorker(this.#url, `inbox-${inbox}`, 10, async ({ data }) => onMessage(data.text)),
    )
    for (const worker of this.#workers) {
      worker.on('completed', () => onAcked(1))
      void worker.run()
    }
  }

  send(_sender: number, inbox: number, text: string): Promise<unknown> | undefined {
    return this.#queues[inbox]?.add('message', { text })
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close(true)))
    for (const redis of this.#connections) redis.disconnect()
  }
}

/** One queue. A worker completes a job and fetches the next in one call, in every mode. */
class BullMqTasks implements TaskDriver {
  readonly #url: string
  #connection: Redis | undefined
  #queue: Queue | undefined
  #sizes: Sizes | undefined

  constructor(url: string) {
    this.#url = url
  }

  async open(sizes: Sizes): Promise<void> {
    const { Queue } = await importPackage<BullMq>('bullmq')
    this.#sizes = sizes
    this.#connection = await connectRedis(this.#url)
    this.#queue = new Queue('tasks', { connection: this.#connection })
  }

  async create(count: number): Promise<void> {
    for (let made = 0; made < count; made += 1_000) {
      const length = Math.min(1_000, count - made)
      await this.#queue?.addBulk(Array.from({ length }, () => ({ name: 'task', data: {} })))
    }
  }

  async run(mode: TaskMode, _n: number, observer: TaskObserver): Promise<() => Promise<void>> {
    const { workers = 1, batch = 1 } = this.#sizes ?? {}
    const concurrency = mode === 'batched' ? batch : 1
    const started = await inParallel(workers, () =>
      createWorker(this.#url, 'tasks', concurrency, () => Promise.resolve()),
    )
    await new Promise<void>((resolve) => {
      for (const worker of started) {
        worker.on('completed', () => {
          observer.onCompleted(1)
          if (observer.isDone) resolve()
        })
        void worker.run()
      }
    })
    return async () => void (await Promise.all(started.map((worker) => worker.close(true))))
  }

  async close(): Promise<void> {
    this.#connection?.disconnect()
  }
}

export const drivers: Drivers = {
  messages: ({ url }) => new BullMqMessages(url),
  tasks: ({ url }) => new BullMqTasks(url),
}
