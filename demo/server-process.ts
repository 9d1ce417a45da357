import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServerUnderTest } from './server-under-test.ts'

const program = fileURLToPath(new URL('../cli/dist/main.js', import.meta.url))

/** The server as its own process, on one port and one file however often it is killed. */
export class ServerProcess implements ServerUnderTest {
  readonly database: string
  readonly #folder: string
  readonly #port: number
  readonly #log: number
  #child: ChildProcess | undefined
  kills = 0

  constructor(folder: string, port: number) {
    this.#folder = folder
    this.#port = port
    this.database = join(folder, 'demo.db')
    this.#log = openSync(join(folder, 'server.log'), 'a')
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const env = {
      ...process.env,
      NODE_ENV: 'development',
      MCP_HOST: '127.0.0.1',
      MCP_PORT: String(this.#port),
      DATABASE_PATH: this.database,
      LOG_LEVEL: 'info',
    }
    const child = spawn(process.execPath, [program, 'dev'], {
      cwd: this.#folder,
      env,
      stdio: ['ignore', 'pipe', this.#log],
    })
    this.#child = child
    const exited = once(child, 'exit').then(([code]) => {
      throw new Error(`the server ended with code ${code}: see ${join(this.#folder, 'server.log')}`)
    })
    const said = child.stdout
    if (!said) throw new Error('the server has no standard output')
    await Promise.race([once(said, 'data'), exited])
    exited.catch(() => undefined)
    said.resume()
  }

  async killAndRestart(): Promise<void> {
    await this.#end('SIGKILL')
    this.kills += 1
    await this.start()
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}

/** A port nobody listens on right now. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port is free')
  return address.port
}
