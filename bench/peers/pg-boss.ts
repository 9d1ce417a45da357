import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
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
import { runWorkers } from '../load/tasks.ts'
import { importPackage } from './packages.ts'

interface Job {
  readonly id: string
  readonly data: { readonly text: string }
}

interface Boss {
  on(event: 'error', listener: (error: Error) => void): unknown
  start(): Promise<unknown>
  stop(options: { readonly graceful: boolean; readonly close: boolean }): Promise<void>
  createQueue(name: string, options?: { readonly notify: boolean }): Promise<void>
  send(name: string, data: object): Promise<string | null>
  insert(name: string, jobs: readonly { readonly data: object }[]): Promise<unknown>
  fetch(name: string, options: { readonly batchSize: number }): Promise<readonly Job[]>
  complete(name: string, ids: readonly string[]): Promise<unknown>
  work(
    name: string,
    options: { readonly batchSize: number; readonly pollingIntervalSeconds: number },
    handler: (jobs: readonly Job[]) => Promise<void>,
  ): Promise<string>
}

interface PgBoss {
  readonly PgBoss: new (options: {
    readonly connectionString: string
    readonly max: number
    readonly useListenNotify: boolean
    readonly supervise: boolean
    readonly schedule: boolean
  }) => Boss
}

async function startBoss(url: string): Promise<Boss> {
  const { PgBoss } = await importPackage<PgBoss>('pg-boss')
  const options = { max: 20, useListenNotify: true, supervise: false, schedule: false }
  const boss = new PgBoss({ connectionString: url, ...options })
  boss.on('error', () => undefined)
  await boss.start()
  return boss
}

/**
 * A queue for each inbox, with a worker that a notification wakes. A job is acked when the database
 * has its completion, which the worker does not report.
 */
class BossMessages implements MessageDriver {
  readonly #url: string
  readonly #database: Client
  #boss: Boss | undefined
  #completed = 0

  constructor(url: string) {
    this.#url = url
    this.#database = new Client(url)
  }

  async open({ inboxes }: Sizes, { onMessage, onAcked }: MessageObserver): Promise<void> {
    await this.#database.connect()
    const boss = await startBoss(this.#url)
    this.#boss = boss
    for (let inbox = 0; inbox < inboxes; inbox += 1) {
      await boss.createQueue(`inbox-${inbox}`, { notify: true })
      await boss.work(`inbox-${inbox}`, { batchSize: 100, pollingIntervalSeconds: 0.5 }, async (jobs) => {
        for (const { data } of jobs) onMessage(data.text)
        onAcked(jobs.length)
      })
    }
  }

  send(_sender: number, inbox: number, text: string): Promise<unknown> | undefined {
    return this.#boss?.send(`inbox-${inbox}`, { text })
  }

  async settle(sent: number): Promise<void> {
    const before = this.#completed
    while (this.#completed < before + sent) {
      const query = "select count(*)::int as completed from pgboss.job where state = 'completed'"
      const { rows } = await this.#database.query<{ completed: number }>(query)
      this.#completed = rows[0]?.completed ?? 0
      await delay(5)
    }
  }

  async close(): Promise<void> {
    await this.#boss?.stop({ graceful: false, close: true })
    await this.#database.end()
  }
}

/** One queue. Workers fetch and complete, one job at a time or a batch. */
class BossTasks implements TaskDriver {
  readonly #url: string
  #boss: Boss | undefined
  #sizes: Sizes | undefined

  constructor(url: string) {
    this.#url = url
  }

  async open(sizes: Sizes): Promise<void> {
    this.#sizes = sizes
    this.#boss = await startBoss(this.#url)
    await this.#boss.createQueue('tasks')
  }

  async create(count: number): Promise<void> {
    await inParallel(Math.ceil(count / 1_000), async (index) => {
      const length = Math.min(1_000, count - index * 1_000)
      await this.#boss?.insert(
        'tasks',
        Array.from({ length }, () => ({ data: {} })),
      )
    })
  }

  async run(mode: TaskMode, _n: number, observer: TaskObserver): Promise<() => Promise<void>> {
    const { workers = 1, batch = 1 } = this.#sizes ?? {}
    const batchSize = mode === 'batched' ? batch : 1
    await runWorkers(workers, observer, async () => {
      const jobs = (await this.#boss?.fetch('tasks', { batchSize })) ?? []
      if (jobs.length > 0)
        await this.#boss?.complete(
          'tasks',
          jobs.map(({ id }) => id),
        )
      return jobs.length
    })
    return () => Promise.resolve()
  }

  async close(): Promise<void> {
    await this.#boss?.stop({ graceful: false, close: true })
  }
}

export const drivers: Drivers = {
  messages: ({ url }) => new BossMessages(url),
  tasks: ({ url }) => new BossTasks(url),
}
