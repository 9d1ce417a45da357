import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LoadFigures } from './load.ts'
import type { DemoOptions } from './options.ts'
import { ReplicaSet } from './replica-set.ts'
import type { ServerUnderTest } from './server-under-test.ts'
import type { Tally } from './tally.ts'

/** Time between two kills, in milliseconds. */
const killEveryMs = 5_000

/** Shares of the plan at which the database crashes. */
const crashAt = [0.15, 0.4, 0.65] as const

interface Breaking {
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
async function breakThings({ replicas, tally, total, until }: Breaking): Promise<number> {
  let going = true
  const stop = () => {
    going = false
  }
  until.then(stop, stop)
  const ended = until.catch(() => undefined)
  let last = performance.now()
  const crashing = (async () => {
    for (const share of crashAt) {
      while (going && tally.count('task.completed') < total * share) await wait(50)
      await replicas.crashDatabase()
      last = performance.now()
      await wait(killEveryMs)
    }
  })()
  for (let due = last + killEveryMs; going; due += killEveryMs) {
    await Promise.race([wait(Math.max(0, due - performance.now())), ended])
    if (!going) break
    await replicas.killNext()
    last = performance.now()
  }
  await Promise.all([crashing, replicas.allStarted()])
  return last
}

export interface FaultFigures {
  readonly load: LoadFigures
  /** Number of database crashes. */
  readonly crashes: number
  /**
   * Time from the last fault to the end of every task of the plan and of the load, in milliseconds.
   */
  readonly settledMs: number
}

/** The calls beside the plan, in their own process. */
class Load {
  readonly #child: ChildProcess
  readonly #messages: unknown[] = []
  readonly #ended: Promise<unknown[]>

  constructor(orders: object, folder: string) {
    const errors = openSync(join(folder, 'load.log'), 'a')
    const program = fileURLToPath(new URL('./load.ts', import.meta.url))
    this.#child = spawn(process.execPath, [program, JSON.stringify(orders)], {
      stdio: ['ignore', errors, errors, 'ipc'],
    })
    this.#child.on('message', (message) => this.#messages.push(message))
    this.#ended = once(this.#child, 'exit')
  }

  /** Resolves when the last call was made, with or without a reply. */
  async issued(): Promise<void> {
    while (this.#messages.length === 0) await this.#next()
  }

  /**
   * Resolves when every task has ended. Messages whose delivery was lost may still be redelivered.
   */
  async tasksOver(): Promise<void> {
    while (!this.#messages.includes('tasks over')) await this.#next()
  }

  async figures(): Promise<LoadFigures> {
    for (;;) {
      const [figures] = this.#messages.filter((message) => typeof message === 'object')
      // The message comes from load.ts.
      if (figures) return figures as LoadFigures
      await this.#next()
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async #next(): Promise<void> {
    const ended = this.#ended.then(([code]) => {
      if (!this.#messages.some((message) => typeof message === 'object'))
        throw new Error(`the load ended with code ${String(code)}: see load.log`)
    })
    await Promise.race([once(this.#child, 'message'), ended])
  }
}

/** With `--faults`: makes calls at a steady rate and causes every fault during them. */
export async function breakOnTheWay(
  server: ServerUnderTest,
  tally: Tally,
  total: number,
  { faults, calls, rate, histories }: Pick<DemoOptions, 'faults' | 'calls' | 'rate'> & { readonly histories: string },
): Promise<FaultFigures | undefined> {
  if (!(faults && server instanceof ReplicaSet)) return undefined
  const load = new Load({ url: server.url, folder: histories, calls, perSecond: rate }, histories)
  try {
    const last = await breakThings({ replicas: server, tally, total, until: load.issued() })
    await Promise.all([load.tasksOver(), tally.tasksSettled()])
    const settledMs = Math.round(performance.now() - last)
    return { load: await load.figures(), crashes: server.crashes, settledMs }
  } catch (error) {
    load.kill()
    throw error
  }
}
