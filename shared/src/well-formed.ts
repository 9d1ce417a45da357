/** Levels of nesting of an input. */
const maxDepth = 32

/** Keys and elements of an input, nested ones included. */
export const inputKeyLimit = 10_000

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

function problemOfString(value: string): string | undefined {
  if (!value.isWellFormed()) return 'text with a lone surrogate'
  return value.includes('\0') ? 'text with a NUL character' : undefined
}

function problemOfNumber(value: number): string | undefined {
  if (!Number.isFinite(value)) return 'a number that is not finite'
  return Number.isInteger(value) && !Number.isSafeInteger(value)
    ? 'an integer that JSON cannot carry exactly: send it as text'
    : undefined
}

function problemOfValue(value: unknown): string | undefined {
  if (typeof value === 'string') return problemOfString(value)
  return typeof value === 'number' ? problemOfNumber(value) : undefined
}

const problemOfKey = (key: string): string | undefined =>
  forbiddenKeys.has(key) ? `the key "${key}"` : problemOfString(key)

function problemOfKeys(keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const problem = problemOfKey(key)
    if (problem !== undefined) return problem
  }
  return undefined
}

interface PendingNode {
  readonly value: object
  readonly depth: number
}

/** The size of an input, and the first reason why a server refuses it. */
export interface InputInspection {
  readonly keyCount: number
  readonly problem: string | undefined
}

/**
 * Finds JSON that a later layer cannot handle, before any schema sees it: deep nesting (a validator
 * or JSON.stringify overflows the stack at a few thousand levels), NUL and lone surrogates
 * (PostgreSQL refuses them), integers that were rounded, and keys that reach a prototype. It is
 * iterative, because a recursive check would overflow too.
 */
export function inspectInput(input: unknown): InputInspection {
  let keys = 0
  const pending: PendingNode[] = [{ value: [input], depth: -1 }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    // Not `Object.entries`: it makes a list for each of the keys, and every call comes by here.
    const names = Array.isArray(next.value) ? [] : Object.keys(next.value)
    const values: readonly unknown[] = Object.values(next.value)
    keys += values.length
    if (keys > inputKeyLimit) return { keyCount: keys, problem: `more than ${inputKeyLimit} keys and elements` }
    const problemOfNames = problemOfKeys(names)
    if (problemOfNames !== undefined) return { keyCount: keys, problem: problemOfNames }
    const depth = next.depth + 1
    for (const value of values) {
      const problem = problemOfValue(value)
      if (problem !== undefined) return { keyCount: keys, problem }
      if (typeof value !== 'object' || value === null) continue
      if (depth >= maxDepth) return { keyCount: keys, problem: `nested deeper than ${maxDepth} levels` }
      pending.push({ value, depth })
    }
  }
  return { keyCount: keys, problem: undefined }
}
