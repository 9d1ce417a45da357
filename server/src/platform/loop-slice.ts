import { systemClock } from './clock.ts'

/** Time that work of one kind may take in one turn of the event loop, in milliseconds. */
const sliceMs = 4

/** Measures the time of one kind of work in a turn of the event loop. */
export class LoopSlice {
  readonly #monotonic: () => number
  #end: number | undefined

  constructor(monotonic: () => number = () => systemClock.monotonic()) {
    this.#monotonic = monotonic
  }

  /** True if the work has had its time in this turn. The first question starts the time. */
  get isOver(): boolean {
    const now = this.#monotonic()
    if (this.#end !== undefined) return now > this.#end
    this.#end = now + sliceMs
    setImmediate(() => this.restart())
    return false
  }

  /** Lets the next question start the time again. */
  restart(): void {
    this.#end = undefined
  }
}
