import { type Clock, sleep, systemClock } from '@tony/mcp-bridge/clock'
import { startTimer } from '../timer.ts'

/** Its timers keep the process alive, also while the server is away. */
const clock: Clock = { ...systemClock, timer: startTimer }

/** A command that ends in less than this time, in milliseconds, counts as an instant end. */
const instantMs = 1_000

/** Number of instant ends in a row before the first pause. */
const allowedInRow = 3

/** The first and the longest pause, in milliseconds. Each further instant end doubles the pause. */
const firstPauseMs = 1_000
const longestPauseMs = 60_000

/** Counts the commands in a row that ended at once, and delays the next one. */
export class InstantEnds {
  #inRow = 0
  #last = ''

  /** Records the end of a command. `isEmpty` is true if it failed or left no result. */
  record({ ms, isEmpty, how }: { readonly ms: number; readonly isEmpty: boolean; readonly how: string }): void {
    this.#inRow = isEmpty && ms < instantMs ? this.#inRow + 1 : 0
    this.#last = how
  }

  /** Returns the pause before the next command, in milliseconds; 0 for none. */
  get pauseMs(): number {
    if (this.#inRow < allowedInRow) return 0
    return Math.min(longestPauseMs, firstPauseMs * 2 ** (this.#inRow - allowedInRow))
  }

  /** Waits for the pause, and logs its reason. Resolves early when the signal aborts. */
  async pause(log: (line: string) => void, signal: AbortSignal): Promise<void> {
    const ms = this.pauseMs
    if (ms === 0) return
    const why = `${this.#inRow} commands in a row ended at once (${this.#last})`
    log(`${why}: the next one starts in ${ms / 1_000} s; --no-pause starts it at once`)
    await sleep(clock, ms, signal)
  }
}
