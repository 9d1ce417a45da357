import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from './command.ts'
import { freePort } from './free-port.ts'

/**
 * The built command on one port, and on a file of its own or a named PostgreSQL. It is ended and
 * restarted as in an upgrade.
 */
export class RestartingServer implements AsyncDisposable {
  readonly url: string
  readonly #port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'tony-restart-'))
  #process: ChildProcess | undefined

  readonly #settings: Readonly<Record<string, string>>

  private constructor(port: number, settings: Readonly<Record<string, string>>) {
    this.#port = port
    this.#settings = settings
    this.url = `http://127.0.0.1:${port}`
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<RestartingServer> {
    const server = new RestartingServer(await freePort(), settings)
    await server.#begin()
    return server
  }

  /** The id of the process that runs now; 0 for none. */
  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** Sends SIGTERM or SIGKILL, waits for the end, and starts the command again. */
  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#end(signal)
    await this.#begin()
  }

  async #begin(): Promise<void> {
    const env = {
      ...process.env,
      MCP_PORT: String(this.#port),
      // A server takes one of the two.
      ...(this.#settings['DATABASE_URL'] === undefined && { DATABASE_PATH: join(this.#folder, 'restart.db') }),
      LOG_LEVEL: 'error',
      ...this.#settings,
    }
    const running = spawn(process.execPath, [program, 'dev'], {
      env,
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    this.#process = running
    const [said] = await Promise.race([once(running.stdout, 'data'), once(running, 'close')])
    if (!String(said).includes('ready')) throw new Error(`the server did not begin: ${said}`)
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const running = this.#process
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    running.kill(signal)
    await once(running, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
