import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'

const maxDepth = 32
const maxKeys = 10_000
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

const refuse = (why: string): never => {
  throw new CoordinationError('INVALID_INPUT', `the input cannot be used: ${why}`)
}

function checkString(value: string): void {
  if (!value.isWellFormed()) refuse('text with a lone surrogate')
  if (value.includes('\0')) refuse('text with a NUL character')
}

function checkNumber(value: number): void {
  if (!Number.isFinite(value)) refuse('a number that is not finite')
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    refuse('an integer that JSON cannot carry exactly: send it as text')
}

interface Open {
  readonly value: object
  readonly depth: number
}

/** Checks what stands directly in an object or a list; gives those to look into next. */
function checkEntries(depth: number, entries: readonly [string, unknown][]): Open[] {
  const inner: Open[] = []
  for (const [key, entry] of entries) {
    if (forbiddenKeys.has(key)) refuse(`the key "${key}"`)
    checkString(key)
    if (typeof entry === 'string') checkString(entry)
    else if (typeof entry === 'number') checkNumber(entry)
    else if (typeof entry === 'object' && entry !== null) inner.push({ value: entry, depth: depth + 1 })
  }
  if (inner.length > 0 && depth + 1 >= maxDepth) refuse(`nested deeper than ${maxDepth} levels`)
  return inner
}

/**
 * Refuses JSON that some layer behind would choke on, before any schema sees it: nesting (a validator or JSON.stringify
 * overflows the stack at a few thousand levels), NUL and lone surrogates (Postgres refuses them), integers that were
 * rounded, keys that reach a prototype. Iterative, or it would overflow itself.
 */
export function checkWellFormed(input: unknown): void {
  let keys = 0
  const open: Open[] = [{ value: [input], depth: -1 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const entries = Object.entries(next.value)
    keys += entries.length
    if (keys > maxKeys) refuse(`more than ${maxKeys} keys and elements`)
    for (const inner of checkEntries(next.depth, entries)) open.push(inner)
  }
}

export const wellFormed: Guard = ({ rawInput }) => {
  checkWellFormed(rawInput)
  return undefined
}
