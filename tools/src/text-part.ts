import { type DelimitOptions, delimitText } from '@tony/mcp-shared/untrusted-text'
import { unknownHostLimits } from './host-limits.ts'
import { OutputBudget } from './output-budget.ts'

/** A text with a smaller share of an output is shown whole, with everything around it. */
const shortShare = 0.6

/** A text of another agent that may be too long for one output. */
export interface LongText extends Omit<DelimitOptions, 'note'> {
  /** In the form of `toUntrustedText`. */
  readonly text: string
  /** Position of the first character to show. Default 0. */
  readonly from?: number
  /** Returns the call that shows the text from a position on, for the model. */
  readonly rest: (offset: number) => string
}

/** A part of a text, as a model sees it. */
export interface TextPart {
  readonly shown: string
  /** Position of the first character that is not shown. */
  readonly end: number
  /** True if the text ends in this part. */
  readonly isLast: boolean
}

const isLowSurrogate = (text: string, index: number): boolean => {
  const code = text.charCodeAt(index)
  return code >= 0xdc00 && code <= 0xdfff
}

function partUpTo({ text, from = 0, rest, ...labels }: LongText, end: number): TextPart {
  const isLast = end >= text.length
  const note = isLast ? undefined : `${text.length - end} more characters: ${rest(end)}`
  return { shown: delimitText(text.slice(from, end), { ...labels, note }), end, isLast }
}

/**
 * Returns as much of a text as costs at most `allowance`, and the way to the rest. At least one
 * character is shown.
 */
export function fittingPartOf(long: LongText, budget: OutputBudget, allowance: number): TextPart {
  const { text, from = 0 } = long
  const fits = (end: number) => budget.costOf(partUpTo(long, end).shown) <= allowance
  let [low, high] = [from + 1, Math.min(text.length, from + budget.limit.characters)]
  if (text.length <= high && fits(text.length)) return partUpTo(long, text.length)
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fits(middle)) low = middle
    else high = middle - 1
  }
  // A character of two code units stays whole.
  const end = isLowSurrogate(text, low) ? low + (low - 1 > from ? -1 : 1) : low
  return partUpTo(long, Math.max(end, Math.min(from + 1, text.length)))
}

/** Returns a note for the author of a text that some hosts show their models only in parts. */
export function longTextWarning(text: string): string {
  const { result, hook } = unknownHostLimits
  const isShort = [result, hook].every((limit) => new OutputBudget(limit).costOf(text) < shortShare)
  return isShort ? '' : ' The text is long: some readers get it in parts. Put long parts into a file and name the file.'
}
