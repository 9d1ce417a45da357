import { budgets } from './budgets.ts'
import { proseTarget, proseWidth, withoutBlocks } from './prose.ts'

/** A limit that STYLE.md states and a gate holds. */
interface StatedLimit {
  readonly what: string
  /** A sentence of the page with its number. It may occur more than once. */
  readonly pattern: RegExp
  readonly limit: number
}

const number = String.raw`(\d+(?:\.\d+)?)`

/** `N` in a sentence stands for the number. */
const stated = (what: string, sentence: string, limit: number): StatedLimit => ({
  what,
  pattern: new RegExp(sentence.replace(/\bN\b/, number), 'g'),
  limit,
})

const limits: readonly StatedLimit[] = [
  stated('lines of a file', 'file has at most N lines', budgets.fileLines),
  stated('lines of the median file', 'The median file of the product has at most N', budgets.medianFileLines),
  stated('lines of a function', 'a function of the product has at most N lines', budgets.functionLines),
  stated('lines of a function without tables', 'The cap of N does not apply', budgets.functionLines),
  stated('lines of a function of the tests', 'may have more than N lines', budgets.functionLines),
  stated('lines of 99 of 100 functions', '99 of 100 have at most N', budgets.functionP99),
  stated('type assertions', 'at most N type assertions per 1,000 lines of the product', budgets.assertions),
  stated('classes', 'at most N classes per 1,000 lines of the product', budgets.classes),
  stated('catches', 'at most N catches per 1,000 lines of the product', budgets.catches),
  stated('columns of prose', 'a line of a comment or a doc has at most N columns', proseWidth),
  stated('openings', 'At most N % of the comments open with a question word', proseTarget.openings),
  ...Object.entries(proseTarget.families).map(([family, limit]) =>
    stated(`expressions of the family ${family}`, 'occurs at most N times per 1,000 words', limit),
  ),
]

/**
 * Finds numbers of STYLE.md that differ from the limits of the gates, and numbers without a gate.
 */
export function styleDifferences(page: string): string[] {
  const text = withoutBlocks(page).replaceAll(/\s+/g, ' ')
  const differences = limits.flatMap(({ what, pattern, limit }) => {
    const numbers = [...text.matchAll(pattern)].map(([, digits]) => Number(digits))
    if (numbers.length === 0) return [`${what}: the page does not state ${limit}`]
    return numbers.filter((one) => one !== limit).map((one) => `${what}: the page states ${one}, the gate ${limit}`)
  })
  const rest = limits.reduce((remaining, { pattern }) => remaining.replaceAll(pattern, ''), text)
  const others = [...rest.matchAll(new RegExp(`at most ${number}[^.;,]*`, 'gi'))]
  return [...differences, ...others.map(([sentence]) => `no gate for "${sentence}"`)]
}
