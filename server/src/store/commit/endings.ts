import type { CoordinationError } from '@tony/mcp-shared/errors'
import type { Fence, Reader, Scope } from '../store.ts'
import { type End, endsNamedBy, fencedOff } from './fences.ts'

/** The first operation of a batch that ended something, and what. */
export interface Ending<T> {
  readonly by: T
  readonly end: End
}

/** The operations of a batch whose incarnation, session or key may no longer write, each with why. */
export async function fencedIn<T extends { readonly scope: Scope }>(
  tx: Reader,
  batch: readonly T[],
  endings: ReadonlyMap<End['what'], Ending<T>>,
): Promise<Map<T, CoordinationError>> {
  const fences: Fence[] = []
  for (const { scope } of batch) if (scope.fence) fences.push(scope.fence)
  const items = new Map<T, CoordinationError>()
  if (fences.length === 0) return items
  const off = await fencedOff(tx, fences)
  for (const [index, item] of batch.entries()) {
    const breaches = (item.scope.fence && off.get(item.scope.fence)) ?? []
    // What ends an incarnation, a session or a key within the batch, and what came before that, was still of its holder:
    // otherwise no agent could unregister itself. The row is locked since, so nobody else has changed it.
    const standing = breaches.find(({ of }) => {
      const ending = endings.get(of.what)
      return !(ending && index <= batch.indexOf(ending.by) && ending.end.incarnation === of.incarnation)
    })
    if (standing) items.set(item, standing.error)
  }
  // An ending that is fenced itself will not have happened: those after it are judged when the batch runs again.
  for (const [what, { by }] of endings) {
    if (!items.has(by)) continue
    for (const item of batch.slice(batch.indexOf(by) + 1)) {
      if (item.scope.fence && endsNamedBy(item.scope.fence).includes(what)) items.delete(item)
    }
  }
  return items
}
