import type { agentPauseOutput } from '@tony/mcp-shared/agents'
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'
import type { Context } from '../context.ts'
import { actorOf } from '../principal.ts'
import { epicBlocker, notifyAllClaimable } from '../tasks/parking.ts'

type PauseOutput = z.output<typeof agentPauseOutput>

const findPausedEpic = statement(({ db, t, p }: StatementParts<{ project: string; epic: string }>) =>
  db
    .select({ epic: t.pausedEpics.epic })
    .from(t.pausedEpics)
    .where(and(eq(t.pausedEpics.projectId, p.project), eq(t.pausedEpics.epic, p.epic)))
    .prepare(),
)

/** True if an epic is paused, so that none of its tasks may be claimed. */
export const isEpicPaused = async (reader: Reader, project: string, epic: string): Promise<boolean> =>
  (await reader.run(findPausedEpic, { project, epic })).length > 0

/**
 * Pauses an epic and parks its claimable tasks. A task that becomes claimable later is parked by
 * the claim that reads it.
 */
export const pauseEpic = (ctx: Context, epic: string, reason: string | null): Promise<PauseOutput> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { pausedEpics, tasks } = tx.t
    const [row] = await tx.db
      .insert(pausedEpics)
      .values({ projectId: project, epic, pausedAt: tx.now })
      .onConflictDoNothing()
      .returning()
    if (row) {
      await tx.db
        .update(tasks)
        .set({ ready: null, parkedOn: epicBlocker(epic) })
        .where(and(eq(tasks.projectId, project), eq(tasks.epic, epic), isNotNull(tasks.ready)))
      tx.append({ type: 'epic.paused', subject: null, actor: actorOf(ctx.principal), epic, data: { epic, reason } })
    }
    return { scope: 'epic', subject: epic, paused: true }
  })

/** Resumes an epic, and unparks and announces the tasks that its pause had parked. */
export const resumeEpic = (ctx: Context, epic: string, reason: string | null): Promise<PauseOutput> =>
  ctx.transact(async (tx) => {
    const { project } = ctx.principal
    const { pausedEpics, tasks } = tx.t
    const [row] = await tx.db
      .delete(pausedEpics)
      .where(and(eq(pausedEpics.projectId, project), eq(pausedEpics.epic, epic)))
      .returning()
    if (row) {
      const unparked = await tx.db
        .update(tasks)
        .set({ ready: sql`${tasks.routeId}`, parkedOn: null })
        .where(and(eq(tasks.projectId, project), eq(tasks.parkedOn, epicBlocker(epic))))
        .returning({ projectId: tasks.projectId, requires: tasks.requires, assignedTo: tasks.assignedTo })
      notifyAllClaimable(tx, unparked)
      tx.append({ type: 'epic.resumed', subject: null, actor: actorOf(ctx.principal), epic, data: { epic, reason } })
    }
    return { scope: 'epic', subject: epic, paused: false }
  })
