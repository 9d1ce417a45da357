import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { freePort } from './free-port.ts'

const script = fileURLToPath(new URL('./children/serve-main.ts', import.meta.url))

export interface ServerProcessOptions {
  /** Variables of the server besides its file and its port. */
  readonly env?: Readonly<Record<string, string>>
  /** Descriptors for standard output and standard error. Default: both are ignored. */
  readonly output?: number | 'ignore' | 'pipe'
  readonly errors?: number | 'ignore' | 'pipe'
}

/**
 * A server in serve mode, as the command runs it, on a file of its own, with outputs that a test
 * chooses.
 */
export class ServerProcess implements AsyncDisposable {
  readonly url: string
  readonly folder: string
  readonly process: ChildProcess
  readonly #closed: Promise<unknown>

  private constructor(
    port: number,
    folder: string,
    { env, output = 'ignore', errors = 'ignore' }: ServerProcessOptions,
  ) {
    this.url = `http://127.0.0.1:${port}`
    this.folder = folder
    const own = { MCP_PORT: String(port), DATABASE_PATH: join(folder, 'test.db'), MCP_METRICS_CIDRS: '127.0.0.0/8' }
    // The environment is clean: a variable of the caller, such as DATABASE_URL, would change the
    // server.
    this.process = spawn(process.execPath, ['--conditions=tony-source', script], {
      env: { PATH: process.env['PATH'], ...own, ...env },
      stdio: ['ignore', output, errors],
    })
    this.#closed = once(this.process, 'exit')
  }

  /** Starts a server and waits until it is alive. */
  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(await freePort(), mkdtempSync(join(tmpdir(), 'tony-process-')), options)
    try {
      await expect.poll(() => server.status('/livez')).toBe(200)
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Returns the status of an HTTP request; 0 without a reply within a second. */
  async status(path: string): Promise<number> {
    const answer = await fetch(`${this.url}${path}`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined)
    await answer?.text()
    return answer?.status ?? 0
  }

  /** Returns the value of a metric without labels. */
  async metric(name: string): Promise<number> {
    const answer = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(5_000) })
    const text = await answer.text()
    return Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1])
  }

  /** Sends SIGTERM and waits for the end. */
  async stop(): Promise<number | null> {
    this.process.kill('SIGTERM')
    return this.end()
  }

  /** Waits for the end of the process and returns the exit code. */
  async end(): Promise<number | null> {
    await this.#closed
    return this.process.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGKILL')
      await this.#closed
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
