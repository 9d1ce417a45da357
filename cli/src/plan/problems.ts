import { addWarning, PlanError, shorten, type Warnings } from './plan.ts'

/** One record of a file that cannot be imported. */
export interface PlanProblem {
  readonly problem: string
  readonly line?: number | undefined
  /** The effect of `--skip-bad`, if the record is not left out. */
  readonly outcome?: string
  /** Another file than the plan itself. */
  readonly file?: string
  readonly cause?: unknown
}

/** The number of problems that an error prints. The rest is counted. */
const maxShownProblems = 20

/** The problems of a file. All of them are found before the file is refused. */
export class Problems {
  readonly #file: string
  /** True if records with problems are left out of the import. */
  readonly #skipBad: boolean
  readonly #warnings: Warnings
  readonly #found: PlanProblem[] = []

  constructor(file: string, { skipBad = false, warnings }: { skipBad?: boolean | undefined; warnings: Warnings }) {
    this.#file = file
    this.#skipBad = skipBad
    this.#warnings = warnings
  }

  /** Notes a problem of one record. With `skipBad` it is a warning, and the record is left out. */
  add(found: PlanProblem): void {
    if (this.#skipBad) addWarning(this.#warnings, sentenceOf(found), { id: '', ...lineOf(found) })
    else this.#found.push({ ...found, problem: shorten(found.problem) })
  }

  /** Throws PlanError with the problems, if there are any. */
  throwIfAny(): void {
    const [first, ...others] = this.#found
    if (!first) return
    const listed = others
      .slice(0, maxShownProblems - 1)
      .map(({ problem, line, file }) => `\n${file ?? this.#file}${line === undefined ? '' : `:${line}`}: ${problem}`)
    const left = this.#found.length - maxShownProblems
    const rest = left > 0 ? `\nand ${left} more problems` : ''
    throw new PlanError(first.file ?? this.#file, `${first.problem}${listed.join('')}${rest}`, {
      line: first.line,
      cause: first.cause,
    })
  }
}

const sentenceOf = ({ problem, outcome }: PlanProblem): string =>
  outcome === undefined ? `skipped: ${problem}` : `${problem}: ${outcome}`

const lineOf = ({ line }: PlanProblem): { line?: number } => (line === undefined ? {} : { line })
