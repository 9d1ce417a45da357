import { and, eq, isNotNull, isNull } from 'drizzle-orm'
import type { Transaction } from '../../store/store.ts'
import { actorOf, type Principal } from '../principal.ts'

/**
 * Stops claims and deliveries in the caller's project. Leases and deliveries that agents already
 * have continue.
 */
export async function pauseProjectIn(tx: Transaction, principal: Principal, reason: string | null): Promise<void> {
  const { project } = principal
  const { projects } = tx.t
  const [row] = await tx.db
    .update(projects)
    .set({ pausedAt: tx.now })
    .where(and(eq(projects.id, project), isNull(projects.pausedAt)))
    .returning({ id: projects.id })
  if (row) tx.append({ type: 'project.paused', subject: project, actor: actorOf(principal), data: { reason } })
}

/** Resumes the project. Agents and epics with a pause of their own stay paused. */
export async function resumeProjectIn(tx: Transaction, principal: Principal, reason: string | null): Promise<void> {
  const { project } = principal
  const { projects } = tx.t
  const [row] = await tx.db
    .update(projects)
    .set({ pausedAt: null })
    .where(and(eq(projects.id, project), isNotNull(projects.pausedAt)))
    .returning({ id: projects.id })
  if (!row) return
  tx.append({ type: 'project.resumed', subject: project, actor: actorOf(principal), data: { reason } })
  tx.notify({ topic: 'fleet', project, agentId: null })
}
