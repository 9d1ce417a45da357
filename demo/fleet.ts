import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PaceName } from './misbehaviour.ts'

interface Member {
  readonly name: string
  readonly instance: string
  restarts: number
  child: ChildProcess
}

export interface FleetOptions {
  readonly url: string
  readonly folder: string
  readonly size: number
  readonly seed: string
  readonly pace: PaceName
}

const program = (name: string) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url))

/**
 * The processes of the agents. A process that dies is started again under the same name until the
 * fleet is stopped.
 */
export class Fleet {
  readonly #options: FleetOptions
  readonly #members: Member[] = []
  readonly #logFile: number
  #stopping = false
  crashes = 0

  constructor(options: FleetOptions) {
    this.#options = options
    this.#logFile = openSync(join(options.folder, 'agents.log'), 'a')
  }

  /**
   * Starts every agent and resolves when all are registered. It starts eight at a time, because a
   * hundred would only compete for the processor.
   */
  async start(onReady: (ready: number) => void): Promise<void> {
    let ready = 0
    const names = Array.from({ length: this.#options.size }, (_, index) => `agent-${index + 1}`)
    const starters = Array.from({ length: 8 }, async () => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const member = { name, instance: randomUUID(), restarts: 0 }
        const child = this.#spawn(member)
        this.#members.push({ ...member, child })
        await once(child, 'message')
        ready += 1
        onReady(ready)
      }
    })
    await Promise.all(starters)
    for (const member of this.#members) this.#watch(member)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#members.map(({ child }) => endProcess(child)))
  }

  /** Kills every process at once. */
  kill(): void {
    this.#stopping = true
    for (const { child } of this.#members) child.kill('SIGKILL')
  }

  #spawn({ name, instance, restarts }: Omit<Member, 'child'>): ChildProcess {
    const { url, folder, seed, size, pace } = this.#options
    const params = JSON.stringify({ url, name, instance, seed, folder, restarts, fleetSize: size, pace })
    return spawn(process.execPath, [program('agent'), params], {
      stdio: ['ignore', this.#logFile, this.#logFile, 'ipc'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') },
    })
  }

  #watch(member: Member): void {
    const { child } = member
    if (child.exitCode !== null || child.signalCode !== null) this.#replace(member)
    else child.once('exit', () => this.#replace(member))
  }

  #replace(member: Member): void {
    if (this.#stopping) return
    this.crashes += 1
    member.restarts += 1
    member.child = this.#spawn(member)
    this.#watch(member)
  }
}

/** The operators of a run with `--chaos`. */
export class Operators {
  readonly #children: ChildProcess[] = []

  async start({ url, folder, seed, size }: FleetOptions, count: number): Promise<void> {
    const errors = openSync(join(folder, 'operators.log'), 'a')
    for (let index = 1; index <= count; index += 1) {
      const params = JSON.stringify({
        url,
        name: `operator-${index}`,
        instance: randomUUID(),
        seed: `${seed} ${index}`,
        folder,
        fleetSize: size,
      })
      const child = spawn(process.execPath, [program('operator'), params], { stdio: ['ignore', errors, errors, 'ipc'] })
      this.#children.push(child)
      await Promise.race([once(child, 'message'), rejectOnExit(child)])
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(endProcess))
  }

  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }
}

async function rejectOnExit(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit')
  throw new Error(`an operator exited with code ${code}: see operators.log`)
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

/** The processes that follow the feed. */
export class Watchers {
  readonly #watchers: { child: ChildProcess; seq: number }[] = []

  async start(count: number, url: string, folder: string): Promise<void> {
    for (let index = 1; index <= count; index += 1) {
      const params = JSON.stringify({ url, name: `watcher-${index}`, folder })
      const child = spawn(process.execPath, [program('watcher'), params], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      const watcher = { child, seq: 0 }
      this.#watchers.push(watcher)
      child.on('message', (message) => {
        if (typeof message === 'object' && message !== null && 'seq' in message && typeof message.seq === 'number')
          watcher.seq = message.seq
      })
      await once(child, 'message')
    }
  }

  /** Resolves when every watcher has seen the event with this number. */
  async waitForSeq(seq: number): Promise<void> {
    for (const watcher of this.#watchers) while (watcher.seq < seq) await once(watcher.child, 'message')
  }

  async stop(): Promise<void> {
    await Promise.all(this.#watchers.map(({ child }) => endProcess(child)))
  }
}
