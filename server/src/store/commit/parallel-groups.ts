import type { Transaction, TransactionParams } from '../store.ts'
import { laneOf } from './fair-queue.ts'

interface ScopedOperation {
  readonly scope: TransactionParams
}

/**
 * Divides a batch into groups of operations that run at the same time. Groups follow one another in
 * the order of the batch. An operation is alone in its group if it has no keys, is of the lane
 * `bulk`, or is in `alone`.
 */
export function parallelGroupsOf<T extends ScopedOperation>(batch: readonly T[], alone: ReadonlySet<T>): T[][] {
  const groups: T[][] = []
  let open: { readonly items: T[]; readonly keys: Set<string> } | undefined
  for (const item of batch) {
    const keys = alone.has(item) || laneOf(item.scope) === 'bulk' ? undefined : item.scope.serialKeys
    if (keys && open && !keys.some((key) => open?.keys.has(key))) {
      open.items.push(item)
      for (const key of keys) open.keys.add(key)
      continue
    }
    open = keys && { items: [item], keys: new Set(keys) }
    groups.push(open?.items ?? [item])
  }
  return groups
}

/** The part of a transaction that connects the operations of a group. */
type GroupMember = Pick<Transaction, 'share' | 'inOrder'> & {
  /** Ends the operation: later ones no longer wait for it. */
  end(): void
}

/** An operation that runs alone. */
export const soleMember: GroupMember = {
  share: (_, create) => create(),
  inOrder: () => Promise.resolve(),
  end: () => undefined,
}

/** Connects the operations of a group, in their order. */
export function joinGroup(items: readonly ScopedOperation[]): GroupMember[] {
  const shared = new Map<string, unknown>()
  const lastOf = new Map<string, Promise<void>>()
  const share = <T>(key: string, create: () => T): T => {
    if (!shared.has(key)) shared.set(key, create())
    // The value under a key is of the type of its first `create`, which callers agree on.
    return shared.get(key) as T
  }
  return items.map(({ scope: { caller = '' } }) => {
    const before = lastOf.get(caller) ?? Promise.resolve()
    const { promise: own, resolve } = Promise.withResolvers<void>()
    lastOf.set(caller, own)
    const inOrder = () => before.then(resolve)
    return { share, inOrder, end: () => void inOrder() }
  })
}
