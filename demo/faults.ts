import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LoadStats } from './load.ts'
import type { DemoOptions } from './options.ts'
import { ReplicaSet } from './replica-set.ts'
import type { ServerUnderTest } from './server-under-test.ts'
import type { Tally } from './tally.ts'

/** Time between two kills, in milliseconds. */
const killIntervalMs = 5_000

/** Shares of the plan at which the database crashes. */
const crashAt = [0.15, 0.4, 0.65] as const

interface FaultOptions {
  readonly replicas: ReplicaSet
  readonly tally: Tally
  /** Number of tasks in the plan. */
  readonly total: number
  /** The faults end when this has settled and the last crash of the database is over. */
  readonly until: Promise<unknown>
}

/**
 * Kills a replica every 5 s and crashes the database three times. Returns the time at which the
 * last fault was over.
 */
async function injectFaults({ replicas, tally, total, until }: FaultOptions): Promise<number> {
  let running = true
  const stop = () => {
    running = false
  }
  until.then(stop, stop)
  const ended = until.catch(() => undefined)
  let lastFaultAt = performance.now()
  const crashes = (async () => {
    for (const share of crashAt) {
      while (running && tally.count('task.completed') < total * share) await wait(50)
      await replicas.crashDatabase()
      lastFaultAt = performance.now()
      await wait(killIntervalMs)
    }
  })()
  for (let killAt = lastFaultAt + killIntervalMs; running; killAt += killIntervalMs) {
    await Promise.race([wait(Math.max(0, killAt - performance.now())), ended])
    if (!running) break
    await replicas.killNext()
    lastFaultAt = performance.now()
  }
  await Promise.all([crashes, replicas.waitForRestarts()])
  return lastFaultAt
}

export interface FaultStats {
  readonly load: LoadStats
  /** Number of database crashes. */
  readonly crashes: number
  /**
   * Time from the last fault to the end of every task of the plan and of the load, in milliseconds.
   */
  readonly settledMs: number
}

/** The calls beside the plan, in their own process. */
class LoadProcess {
  readonly #child: ChildProcess
  readonly #messages: unknown[] = []
  readonly #ended: Promise<unknown[]>

  constructor(params: object, folder: string) {
    const errors = openSync(join(folder, 'load.log'), 'a')
    const program = fileURLToPath(new URL('./load.ts', import.meta.url))
    this.#child = spawn(process.execPath, [program, JSON.stringify(params)], {
      stdio: ['ignore', errors, errors, 'ipc'],
    })
    this.#child.on('message', (message) => this.#messages.push(message))
    this.#ended = once(this.#child, 'exit')
  }

  /** Resolves when the last call was made, with or without a reply. */
  async waitUntilIssued(): Promise<void> {
    while (this.#messages.length === 0) await this.#waitForMessage()
  }

  /**
   * Resolves when every task has ended. Messages whose delivery was lost may still be redelivered.
   */
  async waitForTasks(): Promise<void> {
    while (!this.#messages.includes('tasks_ended')) await this.#waitForMessage()
  }

  async waitForStats(): Promise<LoadStats> {
    for (;;) {
      const [stats] = this.#messages.filter((message) => typeof message === 'object')
      // The message comes from load.ts.
      if (stats) return stats as LoadStats
      await this.#waitForMessage()
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async #waitForMessage(): Promise<void> {
    const ended = this.#ended.then(([code]) => {
      if (!this.#messages.some((message) => typeof message === 'object'))
        throw new Error(`the load exited with code ${String(code)}: see load.log`)
    })
    await Promise.race([once(this.#child, 'message'), ended])
  }
}

/** With `--faults`: makes calls at a steady rate and causes every fault during them. */
export async function runWithFaults(
  server: ServerUnderTest,
  tally: Tally,
  total: number,
  { faults, calls, rate, histories }: Pick<DemoOptions, 'faults' | 'calls' | 'rate'> & { readonly histories: string },
): Promise<FaultStats | undefined> {
  if (!(faults && server instanceof ReplicaSet)) return undefined
  const load = new LoadProcess({ url: server.url, folder: histories, calls, perSecond: rate }, histories)
  try {
    const lastFaultAt = await injectFaults({ replicas: server, tally, total, until: load.waitUntilIssued() })
    await Promise.all([load.waitForTasks(), tally.waitUntilTasksEnded()])
    const settledMs = Math.round(performance.now() - lastFaultAt)
    return { load: await load.waitForStats(), crashes: server.crashes, settledMs }
  } catch (error) {
    load.kill()
    throw error
  }
}
