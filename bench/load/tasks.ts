import type { Sizes, TaskDriver, TaskMode, TaskObserver } from './driver.ts'
import { type RunResult, secondsOf, type Workload } from './workload.ts'

/** W2: workers claim and complete tasks until all are completed. */
export class TasksWorkload implements Workload {
  readonly #driver: TaskDriver
  readonly #mode: TaskMode
  readonly #sizes: Sizes
  #stop: () => Promise<void> = () => Promise.resolve()

  constructor(driver: TaskDriver, mode: TaskMode, sizes: Sizes) {
    this.#driver = driver
    this.#mode = mode
    this.#sizes = sizes
  }

  open(): Promise<void> {
    return this.#driver.open(this.#sizes)
  }

  prepare(n: number): Promise<void> {
    return this.#driver.create(n)
  }

  async run(n: number): Promise<RunResult> {
    let counted = 0
    const observer = {
      get isDone() {
        return counted >= n
      },
      onCompleted: (count: number) => {
        counted += count
      },
    }
    const seconds = await secondsOf(async () => {
      this.#stop = await this.#driver.run(this.#mode, n, observer)
    })
    return { counted, seconds, latencies: {} }
  }

  finish(): Promise<void> {
    return this.#stop()
  }

  close(): Promise<void> {
    return this.#driver.close()
  }
}

/** Runs the step of each worker again and again until the observer is done. */
export async function runWorkers(
  workers: number,
  observer: TaskObserver,
  step: (worker: number) => Promise<number>,
): Promise<void> {
  const work = async (worker: number) => {
    while (!observer.isDone) {
      const completed = await step(worker)
      observer.onCompleted(completed)
      // The other workers have the last tasks, so this one is at its end.
      if (completed === 0) return
    }
  }
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)))
}
