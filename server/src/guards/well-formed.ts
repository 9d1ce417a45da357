import { CoordinationError } from '@tony/mcp-shared/errors'
import { inspectInput } from '@tony/mcp-shared/well-formed'
import type { Guard } from './call.ts'

/** Refuses JSON that a later layer cannot handle, before any schema sees it. */
export function checkWellFormed(input: unknown): void {
  const { problem } = inspectInput(input)
  if (problem !== undefined) throw new CoordinationError('INVALID_INPUT', `the input cannot be used: ${problem}`)
}

export const requireWellFormed: Guard = ({ rawInput }) => {
  checkWellFormed(rawInput)
  return undefined
}
