import type { CoordinationError } from '@tony/mcp-shared/errors'
import type { Fence, Reader, TransactionParams } from '../store.ts'
import { findFenceViolations, type Invalidation, targetsOf } from './fences.ts'

/** The first operation of a batch that ended a target. */
export interface BatchInvalidation<T> {
  readonly operation: T
  readonly invalidation: Invalidation
}

/**
 * Returns the operations of a batch whose incarnation, session or key may no longer write, each
 * with its error.
 */
export async function fencedOperationsIn<T extends { readonly scope: TransactionParams }>(
  tx: Reader,
  batch: readonly T[],
  invalidations: ReadonlyMap<Invalidation['target'], BatchInvalidation<T>>,
): Promise<Map<T, CoordinationError>> {
  const fences: Fence[] = []
  for (const { scope } of batch) if (scope.fence) fences.push(scope.fence)
  const fenced = new Map<T, CoordinationError>()
  if (fences.length === 0) return fenced
  const violationsByFence = await findFenceViolations(tx, fences)
  for (const [index, item] of batch.entries()) {
    const violations = (item.scope.fence && violationsByFence.get(item.scope.fence)) ?? []
    // The operation that ends an incarnation, a session or a key still belongs to its holder, and
    // so do the operations before it in the batch. Otherwise no agent could unregister. The row has
    // been locked since, so no other transaction has changed it.
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
  // A fenced operation has not ended its target. The operations after it are checked again when the
  // batch runs without it.
  for (const [target, { operation }] of invalidations) {
    if (!fenced.has(operation)) continue
    for (const item of batch.slice(batch.indexOf(operation) + 1)) {
      if (item.scope.fence && targetsOf(item.scope.fence).includes(target)) fenced.delete(item)
    }
  }
  return fenced
}
