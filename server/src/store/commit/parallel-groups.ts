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
export interface GroupMember extends Pick<Transaction, 'share' | 'inOrder' | 'afterEarlier' | 'beginSecondPart'> {
  /** Ends the operation: the others no longer wait for it. */
  end(): void
}

/** An operation that runs alone. */
export const soleMember: GroupMember = {
  share: (_, create) => create(),
  inOrder: () => Promise.resolve(),
  afterEarlier: () => Promise.resolve(),
  beginSecondPart: () => Promise.resolve(),
  end: () => undefined,
}

/** The part of an operation that runs. It runs no statement while it is `between` them. */
type OperationPart = 'first' | 'between' | 'second' | 'ended'

/** The parts of the operations of a group, and the operations that wait for others. */
class GroupParts {
  readonly #parts: OperationPart[]
  #inFirstPart: number
  readonly #between: { readonly index: number; readonly resolve: () => void }[] = []
  readonly #afterEarlier = new Map<number, PromiseWithResolvers<void>>()

  constructor(size: number) {
    this.#parts = Array.from({ length: size }, () => 'first')
    this.#inFirstPart = size
  }

  beginSecondPart(index: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#between.push({ index, resolve })
    this.#set(index, 'between')
    return promise
  }

  afterEarlier(index: number): Promise<void> {
    if (!this.#hasActiveBefore(index)) return Promise.resolve()
    // An operation may wait twice at the same time, and both waits end together.
    const waiting = this.#afterEarlier.get(index) ?? Promise.withResolvers<void>()
    this.#afterEarlier.set(index, waiting)
    return waiting.promise
  }

  end(index: number): void {
    if (this.#parts[index] !== 'ended') this.#set(index, 'ended')
  }

  #hasActiveBefore(index: number): boolean {
    return this.#parts.some((part, other) => other < index && (part === 'first' || part === 'second'))
  }

  #set(index: number, part: 'between' | 'ended'): void {
    if (this.#parts[index] === 'first') this.#inFirstPart -= 1
    this.#parts[index] = part
    if (this.#inFirstPart === 0) this.#beginSecondParts()
    for (const [waiting, { resolve }] of this.#afterEarlier) {
      if (this.#hasActiveBefore(waiting)) continue
      this.#afterEarlier.delete(waiting)
      resolve()
    }
  }

  #beginSecondParts(): void {
    const between = this.#between.splice(0).toSorted((a, b) => a.index - b.index)
    for (const { index } of between) this.#parts[index] = 'second'
    // In a microtask: the last one to get here waits by then, and they go on in their order.
    queueMicrotask(() => {
      for (const { resolve } of between) resolve()
    })
  }
}

/** Connects the operations of a group, in their order. */
export function createGroupMembers(items: readonly ScopedOperation[]): GroupMember[] {
  const shared = new Map<string, unknown>()
  const lastOf = new Map<string, Promise<void>>()
  const parts = new GroupParts(items.length)
  const share = <T>(key: string, create: () => T): T => {
    if (!shared.has(key)) shared.set(key, create())
    // The value under a key is of the type of its first `create`, which callers agree on.
    return shared.get(key) as T
  }
  return items.map(({ scope: { caller = '' } }, index) => {
    const before = lastOf.get(caller) ?? Promise.resolve()
    const { promise: own, resolve } = Promise.withResolvers<void>()
    lastOf.set(caller, own)
    const inOrder = () => before.then(resolve)
    const beginSecondPart = () => {
      // Later operations of the caller would otherwise wait for this one, and this one for them.
      void inOrder()
      return parts.beginSecondPart(index)
    }
    const end = () => {
      void inOrder()
      parts.end(index)
    }
    return { share, inOrder, afterEarlier: () => parts.afterEarlier(index), beginSecondPart, end }
  })
}
