import type { Tally } from './tally.ts'

const width = 40

/**
 * Shows the progress of the run on standard error: a bar on a terminal, otherwise a line every few
 * seconds.
 */
export class Progress {
  readonly #terminal = process.stderr.isTTY === true
  readonly #silent: boolean
  #timer: NodeJS.Timeout | undefined
  #printedAt = 0

  constructor(silent: boolean) {
    this.#silent = silent
  }

  step(label: string, done: number, total: number): void {
    const filled = Math.round((done / Math.max(total, 1)) * width)
    this.#print(
      `${label.padEnd(7)} ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total}`,
      done === total,
    )
  }

  follow(tally: Tally, total: number): void {
    this.#timer = setInterval(() => {
      this.step('tasks', total - tally.openTasks, total)
    }, 200)
  }

  end(): void {
    clearInterval(this.#timer)
    if (this.#terminal && !this.#silent) process.stderr.write('\n')
  }

  #print(line: string, last: boolean): void {
    if (this.#silent) return
    if (this.#terminal) process.stderr.write(`\r${line}${last ? '\n' : ''}`)
    else if (last || performance.now() - this.#printedAt > 3_000) {
      this.#printedAt = performance.now()
      process.stderr.write(`${line}\n`)
    }
  }
}
