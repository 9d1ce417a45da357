import { inspectInput } from '@tony/mcp-shared/well-formed'
import type { PlannedRow } from './plan.ts'

/** The size of a row in a call, and the reason why a server refuses its JSON. */
export interface RowSize {
  readonly characters: number
  readonly bytes: number
  readonly keyCount: number
  readonly problem: string | undefined
}

/** The check of a row and its call both need its size, which costs as much as its schema. */
const sizes = new WeakMap<PlannedRow, RowSize>()

function measureRow(row: PlannedRow): RowSize {
  // As deep as in the call.
  const shape = inspectInput({ planId: '', tasks: [row] })
  // Deep nesting would overflow the stack.
  const text = shape.problem === undefined ? JSON.stringify(row) : ''
  return { ...shape, characters: text.length, bytes: Buffer.byteLength(text) }
}

/** Returns the size of a row, which does not change any more. */
export function sizeOfRow(row: PlannedRow): RowSize {
  const size = sizes.get(row) ?? measureRow(row)
  sizes.set(row, size)
  return size
}
