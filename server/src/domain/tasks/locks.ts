import { CoordinationError } from '@tony/mcp-shared/errors'
import { lockKind, pathsAbove, poolOf } from '@tony/mcp-shared/locks'
import { and, eq, gt, lt, ne, type SQL, sql } from 'drizzle-orm'
import { type Query, type Reader, statement, type Transaction } from '../../store/store.ts'
import { unpark } from './parking.ts'

interface Asked {
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

const held = ({ db, t }: Pick<Query<object>, 'db' | 't'>, where: SQL | undefined) =>
  db
    .select({ lock: t.locks.lock, taskId: t.locks.taskId, agentId: t.tasks.agentId })
    .from(t.locks)
    .innerJoin(t.tasks, eq(t.tasks.id, t.locks.taskId))
    .where(where)
    .limit(1)
    .prepare()

const heldAt = statement(({ db, t, p }: Query<Asked>) =>
  held({ db, t }, and(eq(t.locks.projectId, p.project), eq(t.locks.lock, p.lock), ne(t.locks.taskId, p.taskId))),
)

const heldUnder = statement(({ db, t, p }: Query<Omit<Asked, 'lock'> & { from: string; to: string }>) =>
  held(
    { db, t },
    and(
      eq(t.locks.projectId, p.project),
      gt(t.locks.lock, p.from),
      lt(t.locks.lock, p.to),
      ne(t.locks.taskId, p.taskId),
    ),
  ),
)

const poolSize = statement(({ db, t, p }: Query<{ project: string; name: string }>) =>
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
async function sizeOfPool(reader: Reader, project: string, lock: string): Promise<number | undefined> {
  const [pool] = await reader.run(poolSize, { project, name: poolOf(lock) })
  return pool?.size
}

/** Refuses a place in a pool that has no size: nobody could ever take it. */
export async function requirePools(reader: Reader, project: string, locks: readonly string[]): Promise<void> {
  for (const lock of locks) {
    if (lockKind(lock) !== 'pool' || (await sizeOfPool(reader, project, lock)) !== undefined) continue
    throw new CoordinationError('INVALID_INPUT', `${lock} has no size: set one with projects.setPools`, { lock })
  }
}

/** How many more may hold it: 1 or 0 for a key and a path, the free places of a pool. */
export async function placesLeft(reader: Reader, project: string, lock: string): Promise<number> {
  const size = lockKind(lock) === 'pool' ? ((await sizeOfPool(reader, project, lock)) ?? 0) : 1
  const [holders] = await reader.run(countHolders, { project, lock })
  return Math.max(size - (holders?.count ?? 0), 0)
}

/** Everything under a path lies between its name with a slash and its name with the character that follows the slash. */
const under = (path: string) =>
  path.endsWith(':') ? { from: path, to: `${path.slice(0, -1)};` } : { from: `${path}/`, to: `${path}0` }

async function besidePath(reader: Reader, { project, lock, taskId }: Asked): Promise<Conflict | undefined> {
  for (const above of pathsAbove(lock)) {
    const [holder] = await reader.run(heldAt, { project, lock: above, taskId })
    if (holder) return holder
  }
  const [holder] = await reader.run(heldUnder, { project, taskId, ...under(lock) })
  return holder
}

async function inPool(reader: Reader, { project, lock, taskId }: Asked): Promise<Conflict | undefined> {
  if ((await placesLeft(reader, project, lock)) > 0) return undefined
  const [holder] = await reader.run(heldAt, { project, lock, taskId })
  return holder ?? { lock, taskId: null, agentId: null }
}

/** What is in the way of one lock. */
export async function inTheWay(reader: Reader, asked: Asked): Promise<Conflict | undefined> {
  switch (lockKind(asked.lock)) {
    case 'path':
      return besidePath(reader, asked)
    case 'pool':
      return inPool(reader, asked)
    case 'key':
      return (await reader.run(heldAt, asked))[0]
  }
}

interface Taken {
  readonly project: string
  readonly taskId: string
  readonly locks: readonly string[]
}

/** The first thing in the way of any of these, at this moment. */
export async function firstInTheWay(reader: Reader, { project, taskId, locks }: Taken): Promise<Conflict | undefined> {
  for (const lock of locks) {
    const conflict = await inTheWay(reader, { project, lock, taskId })
    if (conflict) return conflict
  }
  return undefined
}

/** The same. Until the commit nobody else of the project takes or gives up a lock, so that what is found free here can be taken. */
export async function firstConflict(tx: Transaction, taken: Taken): Promise<Conflict | undefined> {
  await tx.exclusive('locks')
  return firstInTheWay(tx, taken)
}

const insertLock = statement(({ db, t, p }: Query<Asked & { exclusive: number; now: number }>) =>
  db
    .insert(t.locks)
    .values({ projectId: p.project, lock: p.lock, taskId: p.taskId, exclusive: p.exclusive, since: p.now })
    .returning({ lock: t.locks.lock })
    .prepare(),
)

/** Takes locks that were found free. The unique index on keys and paths is what holds if that was wrong. */
export async function insertLocks(tx: Transaction, { project, taskId, locks }: Taken): Promise<void> {
  for (const lock of locks) {
    const exclusive = lockKind(lock) === 'pool' ? 0 : 1
    await tx.run(insertLock, { project, taskId, lock, exclusive, now: tx.now })
  }
}

const ofTask = statement(({ db, t, p }: Query<{ project: string; taskId: string }>) =>
  db
    .select({ lock: t.locks.lock })
    .from(t.locks)
    .where(and(eq(t.locks.taskId, p.taskId), eq(t.locks.projectId, p.project)))
    .prepare(),
)

/** What a lease holds now, sorted. */
export async function locksOf(reader: Reader, project: string, taskId: string): Promise<string[]> {
  return (await reader.run(ofTask, { project, taskId })).map(({ lock }) => lock).sort()
}

const removeLocks = statement(({ db, t, p }: Query<{ project: string; taskId: string }>) =>
  db
    .delete(t.locks)
    .where(and(eq(t.locks.taskId, p.taskId), eq(t.locks.projectId, p.project)))
    .returning({ lock: t.locks.lock })
    .prepare(),
)

export const noteHeld = statement(({ db, t, p }: Query<{ taskId: string; held: number }>) =>
  db.update(t.tasks).set({ heldLocks: p.held }).where(eq(t.tasks.id, p.taskId)).returning({ id: t.tasks.id }).prepare(),
)

/** Gives up every lock of a task whose lease ends, and puts back those of the tasks that waited for it that come first. */
export async function releaseLocks(
  tx: Transaction,
  row: { readonly id: string; readonly projectId: string },
): Promise<void> {
  await tx.exclusive('locks')
  const released = await tx.run(removeLocks, { project: row.projectId, taskId: row.id })
  await tx.run(noteHeld, { taskId: row.id, held: 0 })
  for (const { lock } of released) {
    // A place of a pool is good for one task; of those that wait for a key the first may want another that is held.
    const most = lockKind(lock) === 'pool' ? 1 : undefined
    await unpark(tx, row.projectId, lock, most)
  }
}
