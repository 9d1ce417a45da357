import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import type { Drivers, Sizes, TaskDriver, TaskMode, TaskObserver } from '../load/driver.ts'
import { importPackage } from './packages.ts'

interface Runner {
  stop(): Promise<void>
}

interface RunnerOptions {
  readonly connectionString: string
  readonly taskList: Readonly<Record<string, () => Promise<void>>>
  readonly preset?: object
  readonly logger?: object
}

interface GraphileWorker {
  run(options: RunnerOptions): Promise<Runner>
  runMigrations(options: { readonly connectionString: string }): Promise<void>
  readonly Logger: new (create: () => () => void) => object
}

/**
 * One pool of workers. In the batched mode it has a local queue and completes jobs in batches, as
 * its documentation recommends for throughput.
 */
class GraphileTasks implements TaskDriver {
  readonly #url: string
  readonly #database: Client
  #sizes: Sizes | undefined

  constructor(url: string) {
    this.#url = url
    this.#database = new Client(url)
  }

  async open(sizes: Sizes): Promise<void> {
    const { runMigrations } = await importPackage<GraphileWorker>('graphile-worker')
    this.#sizes = sizes
    await runMigrations({ connectionString: this.#url })
    await this.#database.connect()
  }

  async create(count: number): Promise<void> {
    await this.#database.query("select graphile_worker.add_job('bench', '{}') from generate_series(1, $1::int)", [
      count,
    ])
    await this.#database.query('analyze')
  }

  async run(mode: TaskMode, n: number, observer: TaskObserver): Promise<() => Promise<void>> {
    const { run, Logger } = await importPackage<GraphileWorker>('graphile-worker')
    const { workers = 1 } = this.#sizes ?? {}
    const tuned = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }
    let started = 0
    let runner: Runner | undefined
    await new Promise<void>((resolve, reject) => {
      const runTask = async () => {
        started += 1
        if (started === n) resolve()
      }
      const worker = { concurrentJobs: workers, maxPoolSize: workers + 2, ...(mode === 'batched' ? tuned : {}) }
      run({
        connectionString: this.#url,
        taskList: { bench: runTask },
        preset: { worker },
        logger: new Logger(() => () => undefined),
      }).then((made) => {
        runner = made
      }, reject)
    })
    await this.#whenCompleted()
    observer.onCompleted(started)
    return async () => void (await runner?.stop())
  }

  async close(): Promise<void> {
    await this.#database.end()
  }

  /** A completed job is deleted, and the worker reports a job before that. */
  async #whenCompleted(): Promise<void> {
    for (;;) {
      const { rows } = await this.#database.query('select 1 from graphile_worker.jobs limit 1')
      if (rows.length === 0) return
      await delay(5)
    }
  }
}

export const drivers: Drivers = { tasks: ({ url }) => new GraphileTasks(url) }
