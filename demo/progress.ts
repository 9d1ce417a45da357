import type { Tally } from './tally.ts'

const width = 40

/**
 * Shows the progress of the run on standard error: a bar on a terminal, otherwise a line every few
 * seconds.
 */
export class Progress {
  readonly #terminal = process.stderr.isTTY === true
  readonly #quiet: boolean
  #timer: NodeJS.Timeout | undefined
  #saidAt = 0

  constructor(quiet: boolean) {
    this.#quiet = quiet
  }

  step(what: string, done: number, total: number): void {
    const filled = Math.round((done / Math.max(total, 1)) * width)
    this.#say(`${what.padEnd(7)} ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total}`, done === total)
  }

  follow(tally: Tally, total: number): void {
    this.#timer = setInterval(() => {
      this.step('tasks', total - tally.openTasks, total)
    }, 200)
  }

  end(): void {
    clearInterval(this.#timer)
    if (this.#terminal && !this.#quiet) process.stderr.write('\n')
  }

  #say(line: string, last: boolean): void {
    if (this.#quiet) return
    if (this.#terminal) process.stderr.write(`\r${line}${last ? '\n' : ''}`)
    else if (last || performance.now() - this.#saidAt > 3_000) {
      this.#saidAt = performance.now()
      process.stderr.write(`${line}\n`)
    }
  }
}
