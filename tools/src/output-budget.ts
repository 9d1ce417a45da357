import type { OutputLimit } from './host-limits.ts'

const isCheapCharacter = (code: number): boolean => (code >= 97 && code <= 122) || code === 32

/**
 * Estimates the tokens of a text, on the high side: 0.55 for a lower-case letter or a space, 1 for
 * another ASCII character, and the UTF-8 bytes of any other. The first number is measured. The
 * others are upper bounds, because a token has at least one byte. The estimate was 1.0 to 5 times
 * the count of the tokenizers o200k and cl100k, for prose, code, JSON, base64, random letters, CJK,
 * Cyrillic and emoji.
 */
export function estimateTokens(text: string): number {
  let tokens = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code < 0x80) tokens += isCheapCharacter(code) ? 0.55 : 1
    // A surrogate is one half of a character of four bytes.
    else tokens += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 2 : 3
  }
  return Math.ceil(tokens)
}

/** Bytes of a payload that a reply has at most for each character or token of its JSON. */
const jsonExpansion = 2

/** The JSON around the text of one message, in characters. */
const messageOverhead = 700

/** The share of an output that its own content may use. The rest is for messages. */
const contentShare = 0.75

/** The space in one output of a host, as a fraction of its limit. */
export class OutputBudget {
  readonly limit: OutputLimit
  #left: number

  constructor(limit: OutputLimit, share = 1) {
    this.limit = limit
    this.#left = share
  }

  /** The fraction of the whole limit that is left. */
  get left(): number {
    return this.#left
  }

  /** The fraction of the limit that a value takes as JSON in the output. */
  costOf(value: unknown): number {
    const json = JSON.stringify(value) ?? ''
    return Math.max(json.length / this.limit.characters, estimateTokens(json) / this.limit.tokens)
  }

  spend(value: unknown): void {
    this.#left -= this.costOf(value)
  }

  /** Returns a budget for the content of a tool, which leaves space for messages beside it. */
  forContent(): OutputBudget {
    return new OutputBudget(this.limit, this.#left * contentShare)
  }

  /** A payload of at most this many bytes fits whole; larger ones may. */
  get payloadBytes(): number {
    const { characters, tokens } = this.limit
    return Math.max(1, Math.floor((this.#left * Math.min(characters, tokens)) / jsonExpansion - messageOverhead))
  }
}

/**
 * Shares a budget among values: small ones take what they need, and large ones the same part of
 * the rest. Returns the allowance of each.
 */
export function shareOutBudget(costs: readonly number[], total: number): number[] {
  const allowances = costs.map(() => 0)
  let left = Math.max(0, total)
  const ascending = [...costs.keys()].toSorted((a, b) => (costs[a] ?? 0) - (costs[b] ?? 0))
  for (const [served, index] of ascending.entries()) {
    const allowance = Math.min(costs[index] ?? 0, left / (costs.length - served))
    allowances[index] = allowance
    left -= allowance
  }
  return allowances
}

/** Returns how many of the values fit, in order, and spends their cost. */
export function countAndSpendFitting(values: readonly unknown[], budget: OutputBudget): number {
  const limit = values.findIndex((value) => {
    const cost = budget.costOf(value)
    if (cost > budget.left) return true
    budget.spend(value)
    return false
  })
  return limit === -1 ? values.length : limit
}
