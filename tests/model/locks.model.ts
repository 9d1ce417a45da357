import { ancestorPaths, lockKind } from '@tony/mcp-shared/locks'

/** Anything that can hold a lock. */
type Holder = object

/** The rule of locks: a key has one holder, a path excludes every path above and under it, a pool has as many as its size. */
export class Locks {
  readonly held = new Map<Holder, Set<string>>()
  readonly pools = new Map<string, number>()

  /** Whether two locks of different holders may not be held at the same time, pools aside. */
  static conflict(a: string, b: string): boolean {
    if (lockKind(a) !== lockKind(b)) return false
    if (lockKind(a) === 'pool') return false
    if (lockKind(a) === 'key') return a === b
    return ancestorPaths(a).includes(b) || ancestorPaths(b).includes(a)
  }

  holdersOf(lock: string): Holder[] {
    return [...this.held].filter(([, locks]) => locks.has(lock)).map(([holder]) => holder)
  }

  /** Whether `holder` may take all of these on top of what it holds. */
  free(holder: Holder, wanted: readonly string[]): boolean {
    return wanted.every((lock) => {
      if (this.held.get(holder)?.has(lock)) return true
      if (lockKind(lock) === 'pool') {
        const size = this.pools.get(lock.slice('pool:'.length))
        return size === undefined || this.holdersOf(lock).length < size
      }
      return [...this.held].every(
        ([other, locks]) => other === holder || ![...locks].some((one) => Locks.conflict(one, lock)),
      )
    })
  }

  take(holder: Holder, wanted: readonly string[]): void {
    if (wanted.length > 0) this.held.set(holder, new Set([...(this.held.get(holder) ?? []), ...wanted]))
  }

  release(holder: Holder): void {
    this.held.delete(holder)
  }
}
