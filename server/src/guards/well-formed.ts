import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Guard } from './call.ts'

const maxDepth = 32
const maxKeys = 10_000
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

const refuse = (reason: string): never => {
  throw new CoordinationError('INVALID_INPUT', `the input cannot be used: ${reason}`)
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

interface PendingNode {
  readonly value: object
  readonly depth: number
}

/**
 * Checks the direct entries of an object or a list. Returns the nested ones, which are checked
 * next.
 */
function checkEntries(depth: number, entries: readonly [string, unknown][]): PendingNode[] {
  const children: PendingNode[] = []
  for (const [key, entry] of entries) {
    if (forbiddenKeys.has(key)) refuse(`the key "${key}"`)
    checkString(key)
    if (typeof entry === 'string') checkString(entry)
    else if (typeof entry === 'number') checkNumber(entry)
    else if (typeof entry === 'object' && entry !== null) children.push({ value: entry, depth: depth + 1 })
  }
  if (children.length > 0 && depth + 1 >= maxDepth) refuse(`nested deeper than ${maxDepth} levels`)
  return children
}

/**
 * Refuses JSON that a later layer cannot handle, before any schema sees it: deep nesting (a
 * validator or JSON.stringify overflows the stack at a few thousand levels), NUL and lone
 * surrogates (PostgreSQL refuses them), integers that were rounded, and keys that reach a
 * prototype. It is iterative, because a recursive check would overflow too.
 */
export function checkWellFormed(input: unknown): void {
  let keys = 0
  const pending: PendingNode[] = [{ value: [input], depth: -1 }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const entries = Object.entries(next.value)
    keys += entries.length
    if (keys > maxKeys) refuse(`more than ${maxKeys} keys and elements`)
    for (const inner of checkEntries(next.depth, entries)) pending.push(inner)
  }
}

export const requireWellFormed: Guard = ({ rawInput }) => {
  checkWellFormed(rawInput)
  return undefined
}
