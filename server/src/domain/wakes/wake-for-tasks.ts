import { policy } from '@tony/mcp-shared/policy'
import { agentRole } from '@tony/mcp-shared/roles'
import { wakePolicy } from '@tony/mcp-shared/wakes'
import { and, asc, eq, gt, inArray, isNotNull, isNull, lte, notExists, or } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { placeholder, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { wakeLimit } from './open-wakes.ts'
import { requestWake, selectRecentWakes } from './request-wake.ts'

/** Idle sessions that take tasks and have no recent wake. */
const findSessions = statement(({ db, t, p }: StatementParts<{ project: string; since: number; limit: number }>) =>
  db
    .select({ id: t.agents.id, role: t.agents.role, capabilities: t.agents.capabilities })
    .from(t.idleSessions)
    .innerJoin(t.agents, eq(t.agents.id, t.idleSessions.agentId))
    .innerJoin(t.projects, eq(t.projects.id, t.idleSessions.projectId))
    .where(
      and(
        eq(t.idleSessions.projectId, p.project),
        eq(t.idleSessions.takesTasks, 1),
        equalsLiteral(t.agents.status, 'active'),
        isNull(t.agents.pausedAt),
        isNull(t.agents.drainingAt),
        isNull(t.projects.pausedAt),
        notExists(selectRecentWakes({ db, t, agentId: t.idleSessions.agentId, since: p.since })),
      ),
    )
    .orderBy(asc(t.idleSessions.since))
    .limit(placeholder('limit'))
    .prepare(),
)

/** Ready tasks that no session is being woken for, and for which none woke a short time ago. */
const findReadyTasks = statement(
  ({ db, t, p }: StatementParts<{ project: string; readyBy: number; wokenSince: number; limit: number }>) =>
    db
      .select({
        id: t.tasks.id,
        attempt: t.tasks.attempt,
        requires: t.tasks.requires,
        assignedTo: t.tasks.assignedTo,
      })
      .from(t.tasks)
      .where(
        and(
          eq(t.tasks.projectId, p.project),
          isNotNull(t.tasks.ready),
          lte(t.tasks.readyAt, p.readyBy),
          notExists(
            db
              .select({ id: t.wakes.id })
              .from(t.wakes)
              .where(
                and(
                  eq(t.wakes.subject, t.tasks.id),
                  equalsLiteral(t.wakes.reason, 'task'),
                  or(equalsLiteral(t.wakes.status, 'requested'), gt(t.wakes.endedAt, p.wokenSince)),
                  inArray(t.wakes.status, ['requested', 'woken']),
                ),
              ),
          ),
        ),
      )
      .orderBy(t.tasks.rank, t.tasks.ord)
      .limit(placeholder('limit'))
      .prepare(),
)

const mayWork = (role: string): boolean => policy[agentRole.parse(role)].has('tasks:work')

/** Wakes one session for each ready task: the one that is idle longest and may claim it. */
export async function wakeForTasks(tx: Transaction, project: string): Promise<void> {
  const since = tx.now - wakePolicy.intervalMs
  const free = (await tx.run(findSessions, { project, since, limit: wakeLimit })).filter(({ role }) => mayWork(role))
  if (free.length === 0) return
  const times = { readyBy: tx.now - wakePolicy.taskDelayMs, wokenSince: since }
  for (const { id, attempt, requires, assignedTo } of await tx.run(findReadyTasks, {
    project,
    ...times,
    limit: wakeLimit,
  })) {
    const required: string[] = JSON.parse(requires)
    const index = free.findIndex(({ id: agentId, capabilities }) => {
      const has: string[] = JSON.parse(capabilities)
      return (assignedTo === null || assignedTo === agentId) && required.every((word) => has.includes(word))
    })
    const [chosen] = index < 0 ? [] : free.splice(index, 1)
    if (!chosen) continue
    const subject = { subject: id, attempt, fromAgent: null, taskId: id }
    await requestWake(tx, { project, agentId: chosen.id, reason: 'task', ...subject })
  }
}
