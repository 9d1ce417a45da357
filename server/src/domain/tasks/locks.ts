import { CoordinationError } from '@tony/mcp-shared/errors'
import { ancestorPaths, lockKind, poolOf } from '@tony/mcp-shared/locks'
import { and, eq, gt, lt, ne, type SQL, sql } from 'drizzle-orm'
import { type Query, type Reader, statement, type Transaction } from '../../store/store.ts'
import { unpark } from './parking.ts'

interface LockRequest {
  project: string
  lock: string
  /** What it holds itself is never in its own way. */
  taskId: string
}

/** A lock that is held and keeps another from being taken. Of a pool that is full, one of its holders; of no size, none. */
export interface Conflict {
  readonly lock: string
  readonly taskId: string | null
  readonly agentId: string | null
}

const findHolder = ({ db, t }: Pick<Query<object>, 'db' | 't'>, where: SQL | undefined) =>
  db
    .select({ lock: t.locks.lock, taskId: t.locks.taskId, agentId: t.tasks.agentId })
    .from(t.locks)
    .innerJoin(t.tasks, eq(t.tasks.id, t.locks.taskId))
    .where(where)
    .limit(1)
    .prepare()

const findHolderAt = statement(({ db, t, p }: Query<LockRequest>) =>
  findHolder({ db, t }, and(eq(t.locks.projectId, p.project), eq(t.locks.lock, p.lock), ne(t.locks.taskId, p.taskId))),
)

const findHolderUnder = statement(({ db, t, p }: Query<Omit<LockRequest, 'lock'> & { from: string; to: string }>) =>
  findHolder(
    { db, t },
    and(
      eq(t.locks.projectId, p.project),
      gt(t.locks.lock, p.from),
      lt(t.locks.lock, p.to),
      ne(t.locks.taskId, p.taskId),
    ),
  ),
)

const findPool = statement(({ db, t, p }: Query<{ project: string; name: string }>) =>
  db
    .select({ size: t.pools.size })
    .from(t.pools)
    .where(and(eq(t.pools.projectId, p.project), eq(t.pools.name, p.name)))
    .prepare(),
)

const countHolders = statement(({ db, t, p }: Query<{ project: string; lock: string }>) =>
  db
    .select({ count: sql<number>`count(*)` })
    .from(t.locks)
    .where(and(eq(t.locks.projectId, p.project), eq(t.locks.lock, p.lock)))
    .prepare(),
)

/** The size of the pool a lock names; undefined where it has none. */
async function poolSizeOf(reader: Reader, project: string, lock: string): Promise<number | undefined> {
  const [pool] = await reader.run(findPool, { project, name: poolOf(lock) })
  return pool?.size
}

/** Refuses a place in a pool that has no size: nobody could ever take it. */
export async function requirePools(reader: Reader, project: string, locks: readonly string[]): Promise<void> {
  for (const lock of locks) {
    if (lockKind(lock) !== 'pool' || (await poolSizeOf(reader, project, lock)) !== undefined) continue
    throw new CoordinationError('INVALID_INPUT', `${lock} has no size: set one with projects.setPools`, { lock })
  }
}

/** How many more may hold it: 1 or 0 for a key and a path, the free places of a pool. */
export async function slotsLeft(reader: Reader, project: string, lock: string): Promise<number> {
  const size = lockKind(lock) === 'pool' ? ((await poolSizeOf(reader, project, lock)) ?? 0) : 1
  const [holders] = await reader.run(countHolders, { project, lock })
  return Math.max(size - (holders?.count ?? 0), 0)
}

/** Everything under a path lies between its name with a slash and its name with the character that follows the slash. */
const pathRange = (path: string) =>
  path.endsWith(':') ? { from: path, to: `${path.slice(0, -1)};` } : { from: `${path}/`, to: `${path}0` }

async function pathConflict(reader: Reader, { project, lock, taskId }: LockRequest): Promise<Conflict | undefined> {
  for (const ancestor of ancestorPaths(lock)) {
    const [holder] = await reader.run(findHolderAt, { project, lock: ancestor, taskId })
    if (holder) return holder
  }
  const [holder] = await reader.run(findHolderUnder, { project, taskId, ...pathRange(lock) })
  return holder
}

async function poolConflict(reader: Reader, { project, lock, taskId }: LockRequest): Promise<Conflict | undefined> {
  if ((await slotsLeft(reader, project, lock)) > 0) return undefined
  const [holder] = await reader.run(findHolderAt, { project, lock, taskId })
  return holder ?? { lock, taskId: null, agentId: null }
}

/** What is in the way of one lock. */
export async function conflictOf(reader: Reader, request: LockRequest): Promise<Conflict | undefined> {
  switch (lockKind(request.lock)) {
    case 'path':
      return pathConflict(reader, request)
    case 'pool':
      return poolConflict(reader, request)
    case 'key':
      return (await reader.run(findHolderAt, request))[0]
  }
}

interface LocksRequest {
  readonly project: string
  readonly taskId: string
  readonly locks: readonly string[]
}

/** The first thing in the way of any of these, at this moment. */
export async function firstConflictOf(
  reader: Reader,
  { project, taskId, locks }: LocksRequest,
): Promise<Conflict | undefined> {
  for (const lock of locks) {
    const conflict = await conflictOf(reader, { project, lock, taskId })
    if (conflict) return conflict
  }
  return undefined
}

/** The same. Until the commit nobody else of the project takes or gives up a lock, so that what is found free here can be taken. */
export async function firstConflictExclusive(tx: Transaction, request: LocksRequest): Promise<Conflict | undefined> {
  await tx.exclusive('locks')
  return firstConflictOf(tx, request)
}

const insertLock = statement(({ db, t, p }: Query<LockRequest & { exclusive: number; now: number }>) =>
  db
    .insert(t.locks)
    .values({ projectId: p.project, lock: p.lock, taskId: p.taskId, exclusive: p.exclusive, since: p.now })
    .returning({ lock: t.locks.lock })
    .prepare(),
)

/** Takes locks that were found free. The unique index on keys and paths is what holds if that was wrong. */
export async function insertLocks(tx: Transaction, { project, taskId, locks }: LocksRequest): Promise<void> {
  for (const lock of locks) {
    const exclusive = lockKind(lock) === 'pool' ? 0 : 1
    await tx.run(insertLock, { project, taskId, lock, exclusive, now: tx.now })
  }
}

const findLocks = statement(({ db, t, p }: Query<{ project: string; taskId: string }>) =>
  db
    .select({ lock: t.locks.lock })
    .from(t.locks)
    .where(and(eq(t.locks.taskId, p.taskId), eq(t.locks.projectId, p.project)))
    .prepare(),
)

/** What a lease holds now, sorted. */
export async function locksOf(reader: Reader, project: string, taskId: string): Promise<string[]> {
  return (await reader.run(findLocks, { project, taskId })).map(({ lock }) => lock).sort()
}

const removeLocks = statement(({ db, t, p }: Query<{ project: string; taskId: string }>) =>
  db
    .delete(t.locks)
    .where(and(eq(t.locks.taskId, p.taskId), eq(t.locks.projectId, p.project)))
    .returning({ lock: t.locks.lock })
    .prepare(),
)

export const setHeldLocks = statement(({ db, t, p }: Query<{ taskId: string; held: number }>) =>
  db.update(t.tasks).set({ heldLocks: p.held }).where(eq(t.tasks.id, p.taskId)).returning({ id: t.tasks.id }).prepare(),
)

/** Gives up every lock of a task whose lease ends, and puts back those of the tasks that waited for it that come first. */
export async function releaseLocks(
  tx: Transaction,
  row: { readonly id: string; readonly projectId: string },
): Promise<void> {
  await tx.exclusive('locks')
  const released = await tx.run(removeLocks, { project: row.projectId, taskId: row.id })
  await tx.run(setHeldLocks, { taskId: row.id, held: 0 })
  for (const { lock } of released) {
    // A place of a pool is good for one task; of those that wait for a key the first may want another that is held.
    const limit = lockKind(lock) === 'pool' ? 1 : undefined
    await unpark(tx, row.projectId, lock, limit)
  }
}
