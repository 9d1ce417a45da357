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

/**
 * Refuses JSON that some layer behind would choke on, before any schema sees it: nesting (a validator or JSON.stringify
 * overflows the stack at a few thousand levels), NUL and lone surrogates (Postgres refuses them), integers that were
 * rounded, keys that reach a prototype. Iterative, or it would overflow itself.
 */
export function checkWellFormed(input: unknown): void {
  let keys = 0
  const open: { value: unknown; depth: number }[] = [{ value: input, depth: 0 }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next
    if (typeof value === 'string') checkString(value)
    else if (typeof value === 'number') checkNumber(value)
    else if (typeof value === 'object' && value !== null) {
      if (depth >= maxDepth) refuse(`nested deeper than ${maxDepth} levels`)
      for (const [key, inner] of Object.entries(value)) {
        keys += 1
        if (keys > maxKeys) refuse(`more than ${maxKeys} keys and elements`)
        if (!Array.isArray(value)) checkString(key)
        if (forbiddenKeys.has(key)) refuse(`the key "${key}"`)
        open.push({ value: inner, depth: depth + 1 })
      }
    }
  }
}

export const wellFormed: Guard = ({ rawInput }) => {
  checkWellFormed(rawInput)
  return undefined
}
