import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A script of `children/` in a process of its own, on the sources. Killed at the end, if it still lives. */
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

  /** Resolves with the rest of the first line that begins with this; rejects when the process ends without it. */
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

  /** Stops it for this long, as a frozen machine would, and lets it go on. */
  async standStill(ms: number): Promise<void> {
    this.signal('SIGSTOP')
    // A program of its own measures the time: it is real, and no clock of a test stands in for it.
    await once(spawn('sleep', [String(ms / 1_000)]), 'close')
    this.signal('SIGCONT')
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`)
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** SIGTERM: asks it to end. */
  terminate(): void {
    this.#process.kill('SIGTERM')
  }

  /** Waits for its end; the exit code, the signal, and what it said of errors. */
  async end(): Promise<{ code: number | null; signal: string | null; errors: string }> {
    await this.#ended
    return { code: this.#process.exitCode, signal: this.#process.signalCode, errors: this.#errors }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill()
  }
}
