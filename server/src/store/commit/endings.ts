import type { CoordinationError } from '@tony/mcp-shared/errors'
import type { Fence, Reader, Scope } from '../store.ts'
import { findFenceViolations, type Invalidation, targetsOf } from './fences.ts'

/** The first operation of a batch that ended something, and what. */
export interface InvalidationBy<T> {
  readonly operation: T
  readonly invalidation: Invalidation
}

/** The operations of a batch whose incarnation, session or key may no longer write, each with why. */
export async function fencedOperationsIn<T extends { readonly scope: Scope }>(
  tx: Reader,
  batch: readonly T[],
  invalidations: ReadonlyMap<Invalidation['target'], InvalidationBy<T>>,
): Promise<Map<T, CoordinationError>> {
  const fences: Fence[] = []
  for (const { scope } of batch) if (scope.fence) fences.push(scope.fence)
  const fenced = new Map<T, CoordinationError>()
  if (fences.length === 0) return fenced
  const violationsByFence = await findFenceViolations(tx, fences)
  for (const [index, item] of batch.entries()) {
    const violations = (item.scope.fence && violationsByFence.get(item.scope.fence)) ?? []
    // What ends an incarnation, a session or a key within the batch, and what came before that, was still of its holder:
    // otherwise no agent could unregister itself. The row is locked since, so nobody else has changed it.
    const violation = violations.find(({ invalidation }) => {
      const invalidatedBy = invalidations.get(invalidation.target)
      return !(
        invalidatedBy &&
        index <= batch.indexOf(invalidatedBy.operation) &&
        invalidatedBy.invalidation.incarnation === invalidation.incarnation
      )
    })
    if (violation) fenced.set(item, violation.error)
  }
  // An ending that is fenced itself will not have happened: those after it are judged when the batch runs again.
  for (const [target, { operation }] of invalidations) {
    if (!fenced.has(operation)) continue
    for (const item of batch.slice(batch.indexOf(operation) + 1)) {
      if (item.scope.fence && targetsOf(item.scope.fence).includes(target)) fenced.delete(item)
    }
  }
  return fenced
}
