import { lockKindOf, pathAndAncestorsOf } from '@tony/mcp-shared/locks'

/** Any object that can hold a lock. */
type Holder = object

/**
 * The rule of locks: a key has one holder, a path excludes every path above and below it, and a
 * pool has as many holders as slots.
 */
export class Locks {
  readonly held = new Map<Holder, Set<string>>()
  readonly pools = new Map<string, number>()

  /**
   * True if different holders may not hold these two locks at the same time. Pools are an
   * exception.
   */
  static conflict(a: string, b: string): boolean {
    if (lockKindOf(a) !== lockKindOf(b)) return false
    if (lockKindOf(a) === 'pool') return false
    if (lockKindOf(a) === 'key') return a === b
    return pathAndAncestorsOf(a).includes(b) || pathAndAncestorsOf(b).includes(a)
  }

  holdersOf(lock: string): Holder[] {
    return [...this.held].filter(([, locks]) => locks.has(lock)).map(([holder]) => holder)
  }

  /** True if `holder` may take all of these locks in addition to its own. */
  free(holder: Holder, wanted: readonly string[]): boolean {
    return wanted.every((lock) => {
      if (this.held.get(holder)?.has(lock)) return true
      if (lockKindOf(lock) === 'pool') {
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
