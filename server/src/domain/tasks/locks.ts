import { CoordinationError } from '@tony/mcp-shared/errors'
import { lockKindOf, pathAndAncestorsOf, poolOf } from '@tony/mcp-shared/locks'
import { and, eq, gt, lt, ne, type SQL, sql } from 'drizzle-orm'
import { type Reader, rowlessStatement, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { unparkFirstTasks } from './parking.ts'

interface LockRequest {
  project: string
  lock: string
  /** Locks of this task do not conflict with it. */
  taskId: string
}

/**
 * A held lock that prevents a request, with its holder. A full pool has one of its holders here; a
 * pool without a size has null.
 */
export interface LockConflict {
  readonly lock: string
  readonly taskId: string | null
  readonly agentId: string | null
}

const selectHolder = ({ db, t }: Pick<StatementParts<object>, 'db' | 't'>, where: SQL | undefined) =>
  db
    .select({ lock: t.locks.lock, taskId: t.locks.taskId, agentId: t.tasks.agentId })
    .from(t.locks)
    .innerJoin(t.tasks, eq(t.tasks.id, t.locks.taskId))
    .where(where)
    .limit(1)
    .prepare()

const findHolderAt = statement(({ db, t, p }: StatementParts<LockRequest>) =>
  selectHolder(
    { db, t },
    and(eq(t.locks.projectId, p.project), eq(t.locks.lock, p.lock), ne(t.locks.taskId, p.taskId)),
  ),
)

const findHolderUnder = statement(
  ({ db, t, p }: StatementParts<Omit<LockRequest, 'lock'> & { from: string; to: string }>) =>
    selectHolder(
      { db, t },
      and(
        eq(t.locks.projectId, p.project),
        gt(t.locks.lock, p.from),
        lt(t.locks.lock, p.to),
        ne(t.locks.taskId, p.taskId),
      ),
    ),
)

const findPool = statement(({ db, t, p }: StatementParts<{ project: string; name: string }>) =>
  db
    .select({ size: t.pools.size })
    .from(t.pools)
    .where(and(eq(t.pools.projectId, p.project), eq(t.pools.name, p.name)))
    .prepare(),
)

const countHolders = statement(({ db, t, p }: StatementParts<{ project: string; lock: string }>) =>
  db
    .select({ count: sql<number>`count(*)` })
    .from(t.locks)
    .where(and(eq(t.locks.projectId, p.project), eq(t.locks.lock, p.lock)))
    .prepare(),
)

/** Returns the size of the pool that a lock names; undefined if it has none. */
async function poolSizeOf(reader: Reader, project: string, lock: string): Promise<number | undefined> {
  const [pool] = await reader.run(findPool, { project, name: poolOf(lock) })
  return pool?.size
}

/** Throws INVALID_INPUT for a slot of a pool without a size, which no task could ever take. */
export async function requirePools(reader: Reader, project: string, locks: readonly string[]): Promise<void> {
  for (const lock of locks) {
    if (lockKindOf(lock) !== 'pool' || (await poolSizeOf(reader, project, lock)) !== undefined) continue
    throw new CoordinationError('INVALID_INPUT', `the pool of ${lock} has no size: set one with projects.setPools`, {
      lock,
    })
  }
}

/** Returns the number of free slots: 1 or 0 for a key and a path, the free slots of a pool. */
export async function countFreeSlots(reader: Reader, project: string, lock: string): Promise<number> {
  const size = lockKindOf(lock) === 'pool' ? ((await poolSizeOf(reader, project, lock)) ?? 0) : 1
  const [holders] = await reader.run(countHolders, { project, lock })
  return Math.max(size - (holders?.count ?? 0), 0)
}

/**
 * The range of all locks under a path: from its name with a slash to its name with the character
 * after the slash.
 */
const pathRange = (path: string) =>
  path.endsWith(':') ? { from: path, to: `${path.slice(0, -1)};` } : { from: `${path}/`, to: `${path}0` }

async function pathConflict(reader: Reader, { project, lock, taskId }: LockRequest): Promise<LockConflict | undefined> {
  for (const ancestor of pathAndAncestorsOf(lock)) {
    const [holder] = await reader.run(findHolderAt, { project, lock: ancestor, taskId })
    if (holder) return holder
  }
  const [holder] = await reader.run(findHolderUnder, { project, taskId, ...pathRange(lock) })
  return holder
}

async function poolConflict(reader: Reader, { project, lock, taskId }: LockRequest): Promise<LockConflict | undefined> {
  if ((await countFreeSlots(reader, project, lock)) > 0) return undefined
  const [holder] = await reader.run(findHolderAt, { project, lock, taskId })
  return holder ?? { lock, taskId: null, agentId: null }
}

/** Returns the conflict of one lock request, if any. */
export async function lockConflictOf(reader: Reader, request: LockRequest): Promise<LockConflict | undefined> {
  switch (lockKindOf(request.lock)) {
    case 'path':
      return pathConflict(reader, request)
    case 'pool':
      return poolConflict(reader, request)
    case 'key':
      return (await reader.run(findHolderAt, request))[0]
  }
}

interface LockSetRequest {
  readonly project: string
  readonly taskId: string
  readonly locks: readonly string[]
}

/** Returns the first conflict of these locks at this moment, if any. */
export async function firstLockConflictOf(
  reader: Reader,
  { project, taskId, locks }: LockSetRequest,
): Promise<LockConflict | undefined> {
  for (const lock of locks) {
    const conflict = await lockConflictOf(reader, { project, lock, taskId })
    if (conflict) return conflict
  }
  return undefined
}

/**
 * Returns the first conflict as `firstLockConflictOf` does. No other transaction of the project can
 * take or release locks until the commit, so the locks that are free here can be taken.
 */
export async function findLockConflictExclusively(
  tx: Transaction,
  request: LockSetRequest,
): Promise<LockConflict | undefined> {
  await tx.exclusive('locks')
  return firstLockConflictOf(tx, request)
}

const insertLock = rowlessStatement(({ db, t, p }: StatementParts<LockRequest & { exclusive: number; now: number }>) =>
  db
    .insert(t.locks)
    .values({ projectId: p.project, lock: p.lock, taskId: p.taskId, exclusive: p.exclusive, since: p.now })
    .prepare(),
)

/**
 * Takes locks that were found free. If one was not, the unique index on keys and paths rejects it.
 */
export async function insertLocks(tx: Transaction, { project, taskId, locks }: LockSetRequest): Promise<void> {
  for (const lock of locks) {
    const exclusive = lockKindOf(lock) === 'pool' ? 0 : 1
    await tx.run(insertLock, { project, taskId, lock, exclusive, now: tx.now })
  }
}

const findLocks = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string }>) =>
  db
    .select({ lock: t.locks.lock })
    .from(t.locks)
    .where(and(eq(t.locks.taskId, p.taskId), eq(t.locks.projectId, p.project)))
    .prepare(),
)

/** Returns the locks that a lease holds now, sorted. */
export async function locksOf(reader: Reader, project: string, taskId: string): Promise<string[]> {
  return (await reader.run(findLocks, { project, taskId })).map(({ lock }) => lock).sort()
}

const removeLocks = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string }>) =>
  db
    .delete(t.locks)
    .where(and(eq(t.locks.taskId, p.taskId), eq(t.locks.projectId, p.project)))
    .returning({ lock: t.locks.lock })
    .prepare(),
)

export const setHeldLockCount = statement(({ db, t, p }: StatementParts<{ taskId: string; held: number }>) =>
  db.update(t.tasks).set({ heldLocks: p.held }).where(eq(t.tasks.id, p.taskId)).returning({ id: t.tasks.id }).prepare(),
)

/**
 * Releases every lock of a task whose lease ends, and unparks the first tasks that wait for them.
 */
export async function releaseLocks(
  tx: Transaction,
  row: { readonly id: string; readonly projectId: string },
): Promise<void> {
  await tx.exclusive('locks')
  const released = await tx.run(removeLocks, { project: row.projectId, taskId: row.id })
  await tx.run(setHeldLockCount, { taskId: row.id, held: 0 })
  for (const { lock } of released) {
    // A slot of a pool serves one task, so one task is unparked. For a key or a path more are
    // unparked, because the first one may need another lock that is held.
    const limit = lockKindOf(lock) === 'pool' ? 1 : undefined
    await unparkFirstTasks(tx, row.projectId, lock, limit)
  }
}
