import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/**
 * A process that runs a script of `children/` on the sources. At the end it is killed if it is
 * still alive.
 */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  #output = ''
  #errors = ''
  #heard: () => void = () => undefined

  constructor(script: string, ...args: readonly string[]) {
    const path = fileURLToPath(new URL(`./children/${script}`, import.meta.url))
    this.#process = spawn(process.execPath, ['--conditions=tony-source', '--expose-gc', path, ...args])
    this.#ended = once(this.#process, 'close')
    this.#process.stdout?.on('data', (data: Buffer) => {
      this.#output += String(data)
      this.#heard()
    })
    this.#process.stderr?.on('data', (data: Buffer) => {
      this.#errors += String(data)
    })
  }

  /**
   * Resolves with the rest of the first line with this beginning. Rejects if the process ends
   * without such a line.
   */
  async says(beginning: string): Promise<string> {
    for (;;) {
      const line = this.#output
        .split('\n')
        .slice(0, -1)
        .find((candidate) => candidate.startsWith(beginning))
      if (line !== undefined) return line.slice(beginning.length).trim()
      const heard = new Promise<true>((resolve) => {
        this.#heard = () => resolve(true)
      })
      const going = await Promise.race([heard, this.#ended.then(() => false)])
      if (!going && !this.#output.includes(beginning))
        throw new Error(`the child ended: ${this.#output}${this.#errors}`)
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  /** Stops the process for this time, as a frozen machine does, and continues it. */
  async standStill(ms: number): Promise<void> {
    this.signal('SIGSTOP')
    // Another program measures the time, because no clock of a test controls this process.
    await once(spawn('sleep', [String(ms / 1_000)]), 'close')
    this.signal('SIGCONT')
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`)
  }

  /** Kills the process with SIGKILL and waits for its end. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** Sends SIGTERM. */
  terminate(): void {
    this.#process.kill('SIGTERM')
  }

  /** Waits for the end. Returns the exit code, the signal and the text on standard error. */
  async end(): Promise<{ code: number | null; signal: string | null; errors: string }> {
    await this.#ended
    return { code: this.#process.exitCode, signal: this.#process.signalCode, errors: this.#errors }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill()
  }
}
