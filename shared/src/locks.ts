import { z } from 'zod'

/** What a lock excludes: everybody else (`key`), everything at, above and under a path (`path`), or one of a counted pool's users (`pool`). */
export type LockKind = 'key' | 'path' | 'pool'

const pathPrefix = 'file:'
const poolPrefix = 'pool:'

/** Read off a lock's prefix: `file:` is a path, `pool:` a counted pool, any other word a logical key. */
export const lockKind = (lock: string): LockKind =>
  lock.startsWith(pathPrefix) ? 'path' : lock.startsWith(poolPrefix) ? 'pool' : 'key'

/** The name a pool's size is set under. */
export const poolOf = (lock: string): string => lock.slice(poolPrefix.length)

/** `./src//auth/` and `src/auth` are one path; `..` would make two names of one place. */
const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => segment !== '' && segment !== '.')

/** Every path a path is under, itself last; the first is the whole tree. */
export function ancestorPaths(lock: string): string[] {
  const segments = segmentsOf(lock.slice(pathPrefix.length))
  return [pathPrefix, ...segments.map((_, index) => pathPrefix + segments.slice(0, index + 1).join('/'))]
}

const canonicalLock = (lock: string): string =>
  lock.startsWith(pathPrefix) ? pathPrefix + segmentsOf(lock.slice(pathPrefix.length)).join('/') : lock

/**
 * `kind:name`, at most 300 characters. `port:3456` or `db:users` is a key one task holds at a time; `file:src/auth/` a path
 * that conflicts with every path under or above it, `file:` being the whole tree, at most 32 levels; `pool:anthropic` one
 * place in a pool whose size `projects.setPools` gives.
 */
export const lock = z
  .string()
  .max(300)
  .regex(/^[a-z][a-z0-9-]*:[^\p{Cc}]*$/u, 'must be kind:name, as in port:3456, file:src/auth or pool:anthropic')
  .refine((value) => value === pathPrefix || value.indexOf(':') < value.length - 1, 'must name something')
  .refine((value) => !value.split('/').includes('..'), 'must not contain ".."')
  .refine((value) => value.split('/').length <= 32, 'must have at most 32 levels')
  .transform(canonicalLock)

/** Taken all or none. At most 32. */
export const locks = z.array(lock).max(32)
