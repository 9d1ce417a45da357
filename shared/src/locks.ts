import { z } from 'zod'
import { id, timestamp } from './ids.ts'

/**
 * The scope of a lock. `key` excludes every other task. `path` excludes locks at, above and under a
 * path. `pool` takes one slot of a counted pool.
 */
export type LockKind = 'key' | 'path' | 'pool'

const pathPrefix = 'file:'
const poolPrefix = 'pool:'

/**
 * Returns the kind of a lock by its prefix: `file:` is a path, `pool:` a counted pool, and any
 * other word a logical key.
 */
export const lockKindOf = (lock: string): LockKind =>
  lock.startsWith(pathPrefix) ? 'path' : lock.startsWith(poolPrefix) ? 'pool' : 'key'

/** Returns the name of a lock's pool, for which `projects.setPools` sets a size. */
export const poolOf = (lock: string): string => lock.slice(poolPrefix.length)

/**
 * Splits a path, so that `./src//auth/` and `src/auth` are the same. `lock` refuses `..`, which
 * would give one path two names.
 */
const pathSegmentsOf = (path: string): string[] =>
  path.split('/').filter((segment) => segment !== '' && segment !== '.')

/**
 * Returns the paths above a lock's path and, last, the path itself. The first is the whole tree.
 */
export function pathAndAncestorsOf(lock: string): string[] {
  const segments = pathSegmentsOf(lock.slice(pathPrefix.length))
  return [pathPrefix, ...segments.map((_, index) => pathPrefix + segments.slice(0, index + 1).join('/'))]
}

const toCanonicalLock = (lock: string): string =>
  lock.startsWith(pathPrefix) ? pathPrefix + pathSegmentsOf(lock.slice(pathPrefix.length)).join('/') : lock

/**
 * A lock `kind:name`, at most 300 characters. `port:3456` or `db:users` is a key that one task
 * holds at a time. `file:src/auth/` is a path of at most 32 levels; it conflicts with every path
 * under or above it, and `file:` is the whole tree. `pool:anthropic` is one slot of a pool, whose
 * size `projects.setPools` sets.
 */
export const lock = z
  .string()
  .max(300)
  .regex(/^[a-z][a-z0-9-]*:[^\p{Cc}]*$/u, 'must be kind:name, as in port:3456, file:src/auth or pool:anthropic')
  .refine((value) => value === pathPrefix || value.indexOf(':') < value.length - 1, 'must name something')
  .refine((value) => !value.split('/').includes('..'), 'must not contain ".."')
  .refine((value) => value.split('/').length <= 32, 'must have at most 32 levels')
  .transform(toCanonicalLock)

/** Locks that are taken together, all or none. At most 32. */
export const locks = z.array(lock).max(32)

/** Maximum number of holders and of waiting tasks that a row of the lock list names. */
export const lockRowTasks = 5

/** Maximum number up to which the tasks that wait for a lock are counted. */
export const lockWaitingLimit = 1_000

export const lockListInput = z.strictObject({
  /** Maximum number of keys and paths in a page: 1–100, default 50. */
  limit: z.int().min(1).max(100).default(50),
  /** `nextCursor` of the previous page. */
  cursor: z.string().min(1).max(300).optional(),
})

const lockHolder = z.object({
  taskId: id,
  title: z.string().nullable(),
  agentId: id.nullable(),
  agentName: z.string(),
  since: timestamp,
  /** Expiry of the lease, up to 250 ms in the past. */
  leaseExpiresAt: timestamp.nullable(),
})

/** A task that could run if it had the lock. */
const lockWaiter = z.object({
  taskId: id,
  title: z.string().nullable(),
  /** Time at which it became ready. */
  since: timestamp,
})

const lockQueue = {
  /**
   * Number of tasks that wait for it, at most 1 000. A task counts from the first claim that has
   * found the lock taken.
   */
  waiting: z.int(),
  /** The first of these tasks in the order of claims, at most 5. */
  waiters: z.array(lockWaiter),
}

/** The held locks and the pools of the caller's project. */
export const lockListOutput = z.object({
  /** The pools by name, at most 200; empty on later pages. */
  pools: z.array(
    z.object({
      name: z.string(),
      size: z.int(),
      held: z.int(),
      /** Holders of its slots, longest first, at most 5. */
      holders: z.array(lockHolder),
      ...lockQueue,
    }),
  ),
  /** The held keys and paths, sorted. */
  locks: z.array(z.object({ lock: z.string(), kind: z.enum(['key', 'path']), holder: lockHolder, ...lockQueue })),
  nextCursor: z.string().nullable(),
})
