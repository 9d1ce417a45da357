import type { EventRow, Stored } from './database.ts'
import type { Claim } from './recorded.ts'

export const ended: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled'])

const endings: ReadonlySet<string> = new Set([...ended].map((status) => `task.${status}`))
export const isEnding = (event: EventRow): boolean => endings.has(event.type)

export const leaseKey = (lease: { taskId: string; leaseToken: string }): string => `${lease.taskId} ${lease.leaseToken}`

/** Returns the attempt of each lease token that a client received from a claim. */
export const attemptsByLease = (claims: readonly Claim[]): Map<string, number> =>
  new Map(claims.map((claim) => [leaseKey(claim), claim.attempt]))

export const eventsOfType = (stored: Stored, id: string, ...types: readonly string[]): EventRow[] =>
  (stored.eventsOf.get(id) ?? []).filter((event) => types.includes(event.type))

/** Data without an attempt may belong to any attempt. */
export const mayBeAttempt = (event: EventRow, attempt: number | undefined): boolean =>
  attempt === undefined || event.attempt === null || event.attempt === attempt

/** The number of times that the source of its plan has opened a task again. */
export const importedReopens = (stored: Stored, id: string): number =>
  eventsOfType(stored, id, 'task.reopened').filter(({ imported }) => imported === 1).length
