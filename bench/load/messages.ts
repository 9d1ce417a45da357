import { type MessageDriver, runConcurrently, type Sizes } from './driver.ts'
import { Latencies } from './latencies.ts'
import { type RunResult, secondsOf, type Workload } from './workload.ts'

/** Length of a message's text, which begins with its time stamp. */
const textLength = 512

const stampLength = 20
const filling = 'x'.repeat(textLength - stampLength)

export const stamp = (): string => String(performance.now()).slice(0, stampLength)

/** Milliseconds since the time stamp at the beginning of a text. */
export const ageOf = (text: string): number => performance.now() - Number(text.slice(0, stampLength))

/** W1: messages of 512 bytes, sent with a number of them in flight, pushed and acked. */
export class MessagesWorkload implements Workload {
  readonly #driver: MessageDriver
  readonly #sizes: Sizes
  readonly #latencies = new Latencies()
  #received = 0
  #acked = 0
  #expected = 0
  #finish: () => void = () => undefined

  constructor(driver: MessageDriver, sizes: Sizes) {
    this.#driver = driver
    this.#sizes = sizes
  }

  open(): Promise<void> {
    return this.#driver.open(this.#sizes, {
      onMessage: (text) => {
        this.#received += 1
        this.#latencies.add(ageOf(text))
      },
      onAcked: (count) => {
        this.#acked += count
        if (this.#acked >= this.#expected) this.#finish()
      },
    })
  }

  async run(n: number): Promise<RunResult> {
    const { senders, inFlight, inboxes } = this.#sizes
    this.#received = 0
    this.#acked = 0
    this.#expected = n
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve
    })
    const seconds = await secondsOf(async () => {
      await runConcurrently(n, senders * inFlight, (index) =>
        this.#driver.send(index % senders, index % inboxes, stamp().padEnd(stampLength) + filling),
      )
      await finished
      await this.#driver.settle?.(n)
    })
    const counted = this.#received === this.#acked ? this.#acked : Number.NaN
    return { counted, seconds, latencies: { message: this.#latencies.take() } }
  }

  close(): Promise<void> {
    return this.#driver.close()
  }
}
