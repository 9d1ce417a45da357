import type { CoordinationError } from '@tony/mcp-shared/errors'
import { fencedOff } from './fences.ts'
import type { Fence, Reader, Scope } from './store.ts'

/** The first operation of a batch that gave an agent a new incarnation, and which. */
export interface Succession<T> {
  readonly by: T
  readonly incarnation: number
}

/** The operations of a batch whose incarnation may no longer write, each with why. */
export async function fencedIn<T extends { readonly scope: Scope }>(
  tx: Reader,
  batch: readonly T[],
  successions: ReadonlyMap<string, Succession<T>>,
): Promise<Map<T, CoordinationError>> {
  const fences: Fence[] = []
  for (const { scope } of batch) if (scope.fence) fences.push(scope.fence)
  const items = new Map<T, CoordinationError>()
  if (fences.length === 0) return items
  const off = await fencedOff(tx, fences)
  for (const [index, item] of batch.entries()) {
    const { fence } = item.scope
    const error = fence && off.get(fence)
    if (!error) continue
    // What ends an incarnation within the batch, and what came before that, was still of the one it succeeds: otherwise
    // no agent could unregister itself. The row is locked since, so nobody else has changed it.
    const succession = successions.get(fence.agentId)
    const before = succession && index <= batch.indexOf(succession.by)
    if (!before || fence.incarnation !== succession.incarnation - 1) items.set(item, error)
  }
  // A succession that is fenced itself will not have happened: those after it are judged when the batch runs again.
  for (const [agentId, { by }] of successions) {
    if (!items.has(by)) continue
    for (const item of batch.slice(batch.indexOf(by) + 1)) {
      if (item.scope.fence?.agentId === agentId) items.delete(item)
    }
  }
  return items
}
