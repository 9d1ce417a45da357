import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Fault } from '../../model/sabotage/fault.ts'
import { freePort } from '../free-port.ts'
import { recorderVariables } from './recorder.ts'

const script = fileURLToPath(new URL('../children/dev-main.ts', import.meta.url))
const preloads = ['../resolve-drizzle.mjs', './plant-hook.mjs'].map((name) => new URL(name, import.meta.url).href)

/** Time for a stop, in milliseconds. */
const stopLimitMs = 60_000

export interface RecordedServerOptions {
  /** Folder of the trace and of `data`. The server makes a folder in it for its files. */
  readonly folder: string
  readonly faults: readonly Fault[]
  /** Variables of the recorder for the first process only, such as POWER_FAIL. */
  readonly first?: Readonly<Record<string, string>>
}

/** The end of one process. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly errors: string
}

/**
 * The server in a process of its own, with each of its writes recorded. If the process ends by
 * itself, another one starts on the same files and the same port.
 */
export class RecordedServer {
  readonly url: string
  readonly data: string
  readonly database: string
  readonly trace: string
  readonly ends: ProcessEnd[] = []
  readonly #options: RecordedServerOptions
  readonly #port: number
  #process: ChildProcess
  #running: Promise<void>
  #stopping = false

  private constructor(options: RecordedServerOptions, port: number) {
    this.#options = options
    this.#port = port
    this.url = `http://127.0.0.1:${port}`
    this.data = join(options.folder, 'data')
    this.database = join(this.data, 'store', 'test.db')
    this.trace = join(options.folder, 'trace')
    this.#process = this.#spawn(options.first ?? {})
    this.#running = this.#run()
  }

  static async start(options: RecordedServerOptions): Promise<RecordedServer> {
    mkdirSync(join(options.folder, 'data'))
    return new RecordedServer(options, await freePort())
  }

  /** The length of the trace: the place of a call or of its answer in the recorded order. */
  get place(): number {
    return statSync(this.trace, { throwIfNoEntry: false })?.size ?? 0
  }

  /** SIGTERM, after which the next process starts. */
  restart(): void {
    this.#process.kill('SIGTERM')
  }

  /** SIGTERM, and waits for the end. A process that does not end is killed. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#process.kill('SIGTERM')
    AbortSignal.timeout(stopLimitMs).addEventListener('abort', () => this.#process.kill('SIGKILL'))
    await this.#running
  }

  async #run(): Promise<void> {
    for (;;) {
      let errors = ''
      this.#process.stderr?.on('data', (data: Buffer) => {
        errors += String(data)
      })
      await once(this.#process, 'close')
      this.ends.push({ code: this.#process.exitCode, signal: this.#process.signalCode, errors })
      if (this.#stopping) return
      if (this.ends.length > 5) throw new Error(`the server ends again and again: ${errors}`)
      this.#process = this.#spawn({})
    }
  }

  #spawn(variables: Readonly<Record<string, string>>): ChildProcess {
    const imports = preloads.map((url) => `--import=${url}`)
    return spawn(process.execPath, ['--conditions=tony-source', ...imports, script], {
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        MCP_PORT: String(this.#port),
        DATABASE_PATH: this.database,
        LOG_LEVEL: 'error',
        MCP_DEV_ROLE: 'admin',
        PLANTED_FAULTS: JSON.stringify(this.#options.faults),
        ...recorderVariables(this.data, this.trace),
        ...variables,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  }
}
