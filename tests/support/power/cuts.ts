import { Disk } from './disk.ts'
import type { Operation } from './trace.ts'

type Roll = (sides: number) => number

const pick = (candidates: readonly number[], roll: Roll): number => candidates[roll(candidates.length)] ?? 0

/** The first and the last place of the trace at which the power may be cut. */
export interface CutRange {
  readonly from: number
  readonly to: number
}

/**
 * Chooses the operations after which the power is cut, in the order of the trace: a third anywhere,
 * a third directly before a sync, and a third after a reply or a change of names.
 */
export function chooseCuts(
  operations: readonly Operation[],
  root: string,
  { from, to, count, roll }: CutRange & { readonly count: number; readonly roll: Roll },
): number[] {
  const disk = new Disk(root)
  const anywhere: number[] = []
  const beforeSync: number[] = []
  const afterOther: number[] = []
  for (const [index, operation] of operations.entries()) {
    disk.apply(operation)
    if (operation.end < from || operation.end > to) continue
    anywhere.push(index)
    if (operation.kind === 'sync') beforeSync.push(index - 1)
    else if (!/^(write|open)$/.test(operation.kind) && disk.hasUnsynced) afterOther.push(index)
  }
  const kinds = [anywhere, beforeSync, afterOther].filter((candidates) => candidates.length > 0)
  const cuts = Array.from({ length: count }, (_, index) => pick(kinds[index % kinds.length] ?? [], roll))
  return cuts.toSorted((a, b) => a - b)
}
