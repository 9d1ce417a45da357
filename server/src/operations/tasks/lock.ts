import { CoordinationError } from '@tony/mcp-shared/errors'
import type { taskLockInput, taskLockOutput } from '@tony/mcp-shared/leases'
import { and, gt } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { type LeaseParams, matchesHeldLeaseSql, refuseLease } from '../../domain/tasks/lease.ts'
import {
  findLockConflictExclusively,
  insertLocks,
  type LockConflict,
  locksOf,
  requirePools,
  setHeldLockCount,
} from '../../domain/tasks/locks.ts'
import { type StatementParts, statement } from '../../store/store.ts'

/** The number of locks of one lease. The batch that ends the lease releases them all. */
const lockLimit = 256

/**
 * Proves the lease and locks its row until the commit. It resets the count of heartbeats that did
 * not list the lease, because a caller with the lease token still works on the task.
 */
const confirmLease = statement(({ db, t, p }: StatementParts<LeaseParams & { now: number }>) =>
  db
    .update(t.tasks)
    .set({ unlistedBeats: 0 })
    .where(and(matchesHeldLeaseSql({ t, p }), gt(t.tasks.leaseExpiresAt, p.now)))
    .returning({ attempt: t.tasks.attempt, epic: t.tasks.epic })
    .prepare(),
)

function refuseConflict({ lock, taskId, agentId }: LockConflict): never {
  const reason = taskId === null ? 'has no free slot' : `is held by task ${taskId}`
  const message = `${lock} ${reason}: none of the locks was taken; try again later, or release the task`
  throw new CoordinationError('LOCK_CONFLICT', message, { lock, taskId, agentId })
}

/** `tasks.lock`: takes more locks for a lease, all or none. Locks that it holds already stay. */
export function lockTask(
  ctx: Context,
  input: z.output<typeof taskLockInput>,
): Promise<z.output<typeof taskLockOutput>> {
  const { taskId, leaseToken } = input
  const { project } = ctx.principal
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const [row] = await tx.run(confirmLease, { project, taskId, leaseToken, agentId, now: tx.now })
    if (!row) return refuseLease(tx, project, taskId)
    const held = await locksOf(tx, project, taskId)
    const locks = [...new Set(input.locks)].filter((lock) => !held.includes(lock))
    if (locks.length === 0) return { taskId, locks: held }
    if (held.length + locks.length > lockLimit)
      throw new CoordinationError('INVALID_INPUT', `a lease holds at most ${lockLimit} locks, this one ${held.length}`)
    await requirePools(tx, project, locks)
    const conflict = await findLockConflictExclusively(tx, { project, taskId, locks })
    if (conflict) refuseConflict(conflict)
    await insertLocks(tx, { project, taskId, locks })
    await tx.run(setHeldLockCount, { taskId, held: held.length + locks.length })
    const data = { attempt: row.attempt, agentId, locks }
    tx.append({ type: 'task.locked', subject: taskId, actor: agentId, taskId, epic: row.epic, data })
    return { taskId, locks: [...held, ...locks].sort() }
  })
}
