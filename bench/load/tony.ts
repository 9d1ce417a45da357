import {
  type Drivers,
  type FeedDriver,
  inParallel,
  type MessageDriver,
  type MessageObserver,
  type Sizes,
  type Target,
  type TaskDriver,
  type TaskMode,
  type TaskObserver,
} from './driver.ts'
import { Fleet, type Member } from './fleet.ts'
import { IdleWorkload } from './idle.ts'
import { MixedWorkload } from './mixed.ts'
import { runWorkers } from './tasks.ts'

/** An agent for each sender and inbox. An ack counts when the server has confirmed it. */
class TonyMessages implements MessageDriver {
  readonly #target: Target
  #fleet: Fleet | undefined
  #senders: Member[] = []
  #readers: Member[] = []

  constructor(target: Target) {
    this.#target = target
  }

  async open({ senders, inboxes }: Sizes, observer: MessageObserver): Promise<void> {
    const fleet = await Fleet.open(this.#target)
    this.#fleet = fleet
    this.#senders = await fleet.register('sender', senders)
    this.#readers = await fleet.register('reader', inboxes)
    for (const reader of this.#readers) void this.#receive(reader, observer)
  }

  send(sender: number, inbox: number, text: string): Promise<unknown> | undefined {
    const to = this.#readers[inbox]?.id ?? ''
    return this.#senders[sender]?.client.messages.send({ to, type: 'bench', payload: text })
  }

  async close(): Promise<void> {
    this.#fleet?.close()
  }

  async #receive({ client }: Member, { onMessage, onAcked }: MessageObserver): Promise<void> {
    const onAck = () => onAcked(1)
    for await (const { id, receipt, payload } of client.messages.inbox({ maxAckPending: 1_000 })) {
      onMessage(String(payload))
      void client.messages.ack({ messageId: id, receipt }).then(onAck)
    }
  }
}

/** An agent for each worker. */
class TonyTasks implements TaskDriver {
  readonly #target: Target
  #fleet: Fleet | undefined
  #workers: Member[] = []
  #batch = 1

  constructor(target: Target) {
    this.#target = target
  }

  async open({ workers, batch }: Sizes): Promise<void> {
    this.#fleet = await Fleet.open(this.#target)
    this.#workers = await this.#fleet.register('worker', workers)
    this.#batch = batch
  }

  async create(count: number): Promise<void> {
    for (let made = 0; made < count; made += 200) {
      const length = Math.min(200, count - made)
      await this.#fleet?.lead.tasks.createMany({ tasks: Array.from({ length }, () => ({ type: 'bench' })) })
    }
  }

  async run(mode: TaskMode, _n: number, observer: TaskObserver): Promise<() => Promise<void>> {
    if (mode === 'fused') await this.#runFused(observer)
    else {
      const limit = mode === 'single' ? 1 : this.#batch
      await runWorkers(this.#workers.length, observer, (worker) => this.#step(worker, limit))
    }
    return () => Promise.resolve()
  }

  async close(): Promise<void> {
    this.#fleet?.close()
  }

  async #step(worker: number, limit: number): Promise<number> {
    const client = this.#workers[worker]?.client
    const { tasks } = (await client?.tasks.claim({ limit })) ?? { tasks: [] }
    await Promise.all(tasks.map(({ id, leaseToken }) => client?.tasks.complete({ taskId: id, leaseToken })))
    return tasks.length
  }

  /** One call completes a task and claims the next. */
  async #runFused(observer: TaskObserver): Promise<void> {
    const work = async ({ client }: Member) => {
      let { tasks } = await client.tasks.claim({})
      for (let [task] = tasks; task; [task] = tasks) {
        const completed = { taskId: task.id, leaseToken: task.leaseToken }
        tasks = (await client.tasks.next({ completed })).tasks
        observer.onCompleted(1)
      }
    }
    await Promise.all(this.#workers.map(work))
  }
}

const hasTitle = (data: unknown): data is { title: string } =>
  typeof data === 'object' && data !== null && 'title' in data

/** Every event is a task that is created, stored on disk and in the feed. */
class TonyFeed implements FeedDriver {
  readonly #target: Target
  #fleet: Fleet | undefined

  constructor(target: Target) {
    this.#target = target
  }

  async open({ subscribers }: Sizes, onEvent: (text: string) => void): Promise<void> {
    const fleet = await Fleet.open(this.#target)
    this.#fleet = fleet
    await inParallel(
      subscribers,
      () =>
        new Promise<void>((resolve, reject) => {
          this.#receive(fleet, resolve, onEvent).catch(reject)
        }),
    )
  }

  publish(text: string): Promise<unknown> | undefined {
    return this.#fleet?.lead.tasks.create({ type: 'bench', title: text })
  }

  async close(): Promise<void> {
    this.#fleet?.close()
  }

  /** The first event of a subscription without a cursor shows that it is live. */
  async #receive(fleet: Fleet, onLive: () => void, onEvent: (text: string) => void): Promise<void> {
    for await (const { type, data } of fleet.connect().events.subscribe({})) {
      onLive()
      if (type === 'task.created' && hasTitle(data)) onEvent(data.title)
    }
  }
}

export const drivers: Drivers = {
  messages: (target) => new TonyMessages(target),
  tasks: (target) => new TonyTasks(target),
  feed: (target) => new TonyFeed(target),
  own: {
    latency: (target, agents) => new MixedWorkload(target, agents),
    idle: (target, agents) => new IdleWorkload(target, agents),
  },
}
