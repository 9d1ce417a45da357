import type { Checker } from './checker.ts'
import { type EventRow, isHeld, type Stored } from './database.ts'
import { closing } from './leases.ts'
import { type Violation, violation } from './violation.ts'

/** `file:` names a path, which excludes the paths above and below it. */
const isPath = (lock: string): boolean => lock.startsWith('file:')
const isPool = (lock: string): boolean => lock.startsWith('pool:')

const under = (inner: string, outer: string): boolean => outer === 'file:' || inner.startsWith(`${outer}/`)

const exclude = (a: string, b: string): boolean =>
  !isPool(a) && (a === b || (isPath(a) && isPath(b) && (under(a, b) || under(b, a))))

/** The held locks and their holders at a position of the log. */
class Held {
  readonly #byTask = new Map<string, string[]>()
  readonly #pools: ReadonlyMap<string, number>

  constructor(pools: ReadonlyMap<string, number>) {
    this.#pools = pools
  }

  /** Takes locks for a task. Returns the other tasks that hold conflicting locks. */
  take(taskId: string, locks: readonly string[]): string[] {
    const inTheWay = locks.flatMap((lock) => this.#against(taskId, lock))
    this.#byTask.set(taskId, [...new Set([...(this.#byTask.get(taskId) ?? []), ...locks])])
    return inTheWay
  }

  give(taskId: string): void {
    this.#byTask.delete(taskId)
  }

  #against(taskId: string, lock: string): string[] {
    const others = [...this.#byTask].filter(([id]) => id !== taskId)
    if (!isPool(lock)) return others.filter(([, held]) => held.some((one) => exclude(one, lock))).map(([id]) => id)
    const users = others.filter(([, held]) => held.includes(lock)).map(([id]) => id)
    return users.length < (this.#pools.get(lock.slice('pool:'.length)) ?? 0) ? [] : users
  }
}

const ends = (event: EventRow): boolean => closing.has(event.type) || event.type === 'task.adopted'

/** Replays the locks of every lease in the order of the log. */
function replay(stored: Stored): Violation[] {
  const held = new Held(stored.pools)
  const violations: Violation[] = []
  for (const event of stored.events) {
    const row = event.subject === null ? undefined : stored.tasks.get(event.subject)
    if (!row) continue
    if (ends(event)) held.give(row.id)
    if (event.type !== 'task.claimed' && event.type !== 'task.locked') continue
    const wanted = event.type === 'task.claimed' ? row.locks : event.locks
    const inTheWay = held.take(row.id, wanted)
    if (inTheWay.length > 0)
      violations.push(violation('lock-overlap', `task ${row.id}`, { event, locks: wanted, inTheWay }))
  }
  return violations
}

/** Each lock that is held at the end belongs to a lease, and each task counts its own locks. */
function kept(stored: Stored): Violation[] {
  const byTask = Map.groupBy(stored.locks, ({ taskId }) => taskId)
  const homeless = stored.locks.filter(({ taskId }) => !isHeld(stored.tasks.get(taskId)))
  const miscounted = [...stored.tasks.values()].filter((row) => row.heldLocks !== (byTask.get(row.id)?.length ?? 0))
  return [...homeless, ...miscounted].map((row) => violation('lock-kept', 'locks', row))
}

export const locks: Checker = (_recorded, stored) => [...replay(stored), ...kept(stored)]
