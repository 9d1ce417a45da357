import { type FeedDriver, runConcurrently, type Sizes } from './driver.ts'
import { Latencies } from './latencies.ts'
import { ageOf, stamp } from './messages.ts'
import { type RunResult, secondsOf, type Workload } from './workload.ts'

/** The clock costs as much as a delivery, and a sample of them is enough for a percentile. */
const timedOneIn = 101

/** W3: one publisher, and subscribers that receive every event. `n` counts deliveries. */
export class FeedWorkload implements Workload {
  readonly #driver: FeedDriver
  readonly #sizes: Sizes
  readonly #latencies = new Latencies()
  #received = 0
  #expected = Number.POSITIVE_INFINITY
  #finish: () => void = () => undefined

  constructor(driver: FeedDriver, sizes: Sizes) {
    this.#driver = driver
    this.#sizes = sizes
  }

  open(): Promise<void> {
    return this.#driver.open(this.#sizes, (text) => {
      this.#received += 1
      if (this.#received % timedOneIn === 0) this.#latencies.add(ageOf(text))
      if (this.#received >= this.#expected) this.#finish()
    })
  }

  async run(n: number): Promise<RunResult> {
    const { subscribers, publishing } = this.#sizes
    const events = n / subscribers
    this.#received = 0
    this.#expected = n
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve
    })
    const seconds = await secondsOf(async () => {
      await runConcurrently(events, publishing, () => this.#driver.publish(stamp()))
      await finished
    })
    return { counted: this.#received, seconds, latencies: { event: this.#latencies.take() } }
  }

  close(): Promise<void> {
    return this.#driver.close()
  }
}
