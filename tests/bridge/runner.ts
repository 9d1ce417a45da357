import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { program } from '../support/command.ts'
import type { TestServer } from '../support/server.ts'

/** A process that runs a shell command for each task. */
export class Runner implements AsyncDisposable {
  readonly #process: ChildProcess
  said = ''

  constructor(server: TestServer, script: string, ...options: string[]) {
    const argv = ['run', '--url', server.url, '--heartbeat', '1s', ...options, '--', 'sh', '-c', script]
    const env = { ...process.env, TONY_TOKEN: '', SECRETLY: 'kept' }
    this.#process = spawn(process.execPath, [program, ...argv], { cwd: server.folder, env })
    this.#process.stderr?.on('data', (data: Buffer) => {
      this.said += String(data)
    })
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  async ended(): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'exit')
    return this.#process.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
  }
}
