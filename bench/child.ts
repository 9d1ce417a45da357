import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A process of the bench that runs one job at a time. */
export class BenchChild implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #ended: Promise<never>

  /** The program of the process calls `serveJobs`. */
  constructor(program: URL, args: readonly string[]) {
    this.#process = fork(fileURLToPath(program), args)
    this.#ended = once(this.#process, 'exit').then(([code]) => {
      throw new Error(`a process of the bench exited with code ${code}`)
    })
    this.#ended.catch(() => undefined)
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  /** Runs a job and returns its result. Rejects if the process ends before. */
  async run<R>(job: object): Promise<R> {
    const replied = new Promise<unknown>((resolve) => this.#process.once('message', resolve))
    this.#process.send(job)
    return (await Promise.race([replied, this.#ended])) as R
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return
    const exited = once(this.#process, 'exit')
    this.#process.kill()
    await exited
  }
}

/** Runs the jobs that the parent process sends, and sends back their results. */
export function serveJobs<J>(run: (job: J) => Promise<object>): void {
  process.on('message', (job) => {
    void run(job as J).then((result) => process.send?.(result))
  })
}

/** Returns the code of a failed call, or the text of another error. */
export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error)
