import { stripVTControlCharacters } from 'node:util'

const enterSequence = '\u001b[?1049h\u001b[?25l'
const leaveSequence = '\u001b[?25h\u001b[?1049l'
const homeSequence = '\u001b[H'
const clearLineSequence = '\u001b[K'
const clearBelowSequence = '\u001b[J'

/** Cuts a line to a width. A cut line loses its style, so that no style runs on. */
const clip = (line: string, width: number): string => {
  const text = stripVTControlCharacters(line)
  return text.length <= width ? line : `${text.slice(0, width - 1)}…`
}

/**
 * The terminal's second screen. The first one, the cursor and the mode of the keyboard come back at
 * `close`, and at the end of the process in any case.
 */
export class Screen {
  readonly #onKey: (key: string) => void
  #isOpen = true

  constructor(onKey: (key: string) => void) {
    this.#onKey = onKey
    process.stdout.write(enterSequence)
    process.on('exit', this.close)
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true)
      process.stdin.on('data', this.#readKey)
    }
  }

  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return
    // A terminal without a size has 0 of both.
    const [columns, rows] = [process.stdout.columns || 80, process.stdout.rows || 24]
    const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), '…']
    process.stdout.write(
      homeSequence + shown.map((line) => clip(line, columns) + clearLineSequence).join('\r\n') + clearBelowSequence,
    )
  }

  readonly close = (): void => {
    if (!this.#isOpen) return
    this.#isOpen = false
    process.off('exit', this.close)
    if (process.stdin.isTTY) {
      process.stdin.off('data', this.#readKey)
      process.stdin.setRawMode(false)
      process.stdin.pause()
    }
    process.stdout.write(leaveSequence)
  }

  readonly #readKey = (data: Buffer): void => this.#onKey(data.toString())
}
