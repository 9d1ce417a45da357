import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServerUnderTest } from './server-under-test.ts'

const builtCommand = fileURLToPath(new URL('../cli/dist/main.js', import.meta.url))

export interface ProcessOptions {
  /** Working folder, with its files. */
  readonly folder: string
  readonly port: number
  /** Name of its log. */
  readonly name?: string
  /** Settings in addition to those of every server of the demo. */
  readonly settings: Readonly<Record<string, string>>
  /** Built command line of another checkout. Default: that of this one. */
  readonly program?: string
}

/** A server process with one port and one database over all its restarts. */
export class ServerChild {
  readonly port: number
  readonly #options: ProcessOptions
  readonly #log: string
  readonly #logFile: number
  #child: ChildProcess | undefined
  kills = 0

  constructor(options: ProcessOptions) {
    this.#options = options
    this.port = options.port
    this.#log = join(options.folder, `${options.name ?? 'server'}.log`)
    this.#logFile = openSync(this.#log, 'a')
  }

  /** Id of the current process; 0 before the start. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async start(): Promise<void> {
    const { folder, port, settings, program = builtCommand } = this.#options
    const env = {
      ...process.env,
      NODE_ENV: 'development',
      MCP_HOST: '127.0.0.1',
      MCP_PORT: String(port),
      LOG_LEVEL: 'info',
      ...settings,
    }
    const child = spawn(process.execPath, [program, 'dev'], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', this.#logFile],
    })
    this.#child = child
    const exited = once(child, 'exit').then(([code]) => {
      throw new Error(`the server exited with code ${code}: see ${this.#log}`)
    })
    const output = child.stdout
    if (!output) throw new Error('the server has no standard output')
    await Promise.race([once(output, 'data'), exited])
    exited.catch(() => undefined)
    output.resume()
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
    this.kills += 1
  }

  /**
   * Stops the server with SIGTERM. A second call does nothing. Rejects if the exit code is not 0.
   */
  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM')
    if (code !== 0) throw new Error(`the server exited with code ${code} after SIGTERM: see ${this.#log}`)
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return 0
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
    return child.exitCode
  }
}

/** One server on an SQLite file. */
export class ServerProcess implements ServerUnderTest {
  readonly database: string
  readonly #process: ServerChild

  constructor(folder: string, port: number) {
    this.database = join(folder, 'demo.db')
    this.#process = new ServerChild({ folder, port, settings: { DATABASE_PATH: this.database } })
  }

  get url(): string {
    return `http://127.0.0.1:${this.#process.port}`
  }

  get kills(): number {
    return this.#process.kills
  }

  start(): Promise<void> {
    return this.#process.start()
  }

  async killAndRestart(): Promise<void> {
    await this.#process.kill()
    await this.#process.start()
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }
}

/** Returns a free port. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port is free')
  return address.port
}
