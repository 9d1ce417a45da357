import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A running server of a system. */
export interface RunningSystem extends AsyncDisposable {
  readonly url: string
  /** The processes that count as the server, with their descendants. */
  readonly pids: readonly number[]
  /** Returns the bytes of its tables and indexes on the disk, without logs. Absent for peers. */
  readonly storedBytes?: () => Promise<number>
}

export const temporaryFolder = (name: string): string => mkdtempSync(join(tmpdir(), `tony-bench-${name}-`))

interface DaemonOptions {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Working folder and place of the log. It is deleted at the end. */
  readonly folder: string
}

const startMs = 60_000
const stopMs = 5_000

/** A server process of the bench, which ends with it. */
export class Daemon implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #log: string

  constructor({ program, args, env, folder }: DaemonOptions) {
    this.#folder = folder
    this.#log = join(folder, 'server.log')
    const log = openSync(this.#log, 'a')
    this.#child = spawn(program, args, { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', log, log] })
    this.#child.on('error', () => undefined)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Waits until the server accepts connections on a port of this machine. */
  async accepts(port: number): Promise<void> {
    const deadline = performance.now() + startMs
    while (!(await canConnect(port))) {
      const ended = this.#child.pid === undefined || this.#child.exitCode !== null
      if (ended || performance.now() > deadline)
        throw new Error(`${this.#child.spawnfile} does not accept connections: ${this.lastOutput()}`)
      await delay(20)
    }
  }

  lastOutput(): string {
    return readFileSync(this.#log, 'utf8').slice(-1_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
      await exited
      clearTimeout(timer)
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (isOpen: boolean) => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
