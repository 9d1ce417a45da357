import { startTimer } from './timer.ts'

/** The least time between two lines of progress, in milliseconds. */
const intervalMs = 3_000

interface Output {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Shows the number of staged tasks until its end. */
export interface ProgressDisplay {
  show(staged: number, total: number): void
  end(): void
}

const noProgress: ProgressDisplay = { show: () => undefined, end: () => undefined }

/** A terminal shows one line that changes. */
function terminalProgress(output: Output): ProgressDisplay {
  let hasLine = false
  return {
    show(staged, total) {
      output.write(`\r${progressTextOf(staged, total)}`)
      hasLine = true
    },
    end() {
      if (hasLine) output.write('\n')
      hasLine = false
    },
  }
}

/** Another output gets a line every few seconds, so that a long import in a log is not silent. */
function lineProgress(output: Output): ProgressDisplay {
  let text: string | undefined
  let cancel: (() => void) | undefined
  const print = () => {
    if (text !== undefined) output.write(`${text}\n`)
    cancel = startTimer(intervalMs, print)
  }
  return {
    show(staged, total) {
      text = progressTextOf(staged, total)
      cancel ??= startTimer(intervalMs, print)
    },
    end: () => cancel?.(),
  }
}

const progressTextOf = (staged: number, total: number): string =>
  staged === total ? `staged ${staged}, publishing` : `staged ${staged} of ${total}`

/** Creates the progress of an import. `end` must be called. */
export function createProgressDisplay(output: Output, enabled: boolean): ProgressDisplay {
  if (!enabled) return noProgress
  return output.isTTY === true ? terminalProgress(output) : lineProgress(output)
}
