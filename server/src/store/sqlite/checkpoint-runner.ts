import { Worker } from 'node:worker_threads'

/** With fewer commits the log is too small for its pages to be worth a thread. */
const commitsWithoutThread = 64

/**
 * Runs the checkpoints of a database in a thread, from the 64th commit on. The start of a thread
 * costs 60 ms of CPU time. A store that is opened for a few writes does not need it, because the
 * close of the last connection checkpoints too.
 */
export class CheckpointRunner {
  readonly #file: string
  readonly #onFull: () => void
  #commits = 0
  #worker: Worker | undefined

  constructor(file: string, onFull: () => void) {
    this.#file = file
    this.#onFull = onFull
  }

  countCommit(): void {
    this.#commits += 1
    if (this.#commits === commitsWithoutThread) this.#worker = this.#start()
  }

  #start(): Worker {
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./checkpoint${extension}`, import.meta.url), {
      workerData: { file: this.#file },
    })
    worker.on('message', this.#onFull)
    worker.unref()
    return worker
  }

  async stop(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    await new Promise<void>((resolve) => {
      worker.ref()
      worker.once('exit', () => resolve())
      worker.postMessage('stop')
    })
  }
}
