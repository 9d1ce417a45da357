import type { taskProgressInput, taskProgressOutput } from '@tony/mcp-shared/leases'
import { and, gt, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { type LeaseParams, matchesHeldLeaseSql, refuseLease } from '../../domain/tasks/lease.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import { saveArtifacts } from './artifacts.ts'

interface ProgressParams extends LeaseParams {
  progress: string
  now: number
}

const updateProgress = statement(({ db, t, p }: StatementParts<ProgressParams>) =>
  db
    .update(t.tasks)
    .set({ progress: p.progress, revision: sql`${t.tasks.revision} + 1` })
    .where(and(matchesHeldLeaseSql({ t, p }), gt(t.tasks.leaseExpiresAt, p.now)))
    .returning({ id: t.tasks.id, revision: t.tasks.revision, epic: t.tasks.epic, attempt: t.tasks.attempt })
    .prepare(),
)

/** `tasks.progress`: subscribers see it, and the next attempt gets it if this one fails. */
export function reportProgress(
  ctx: Context,
  input: z.output<typeof taskProgressInput>,
): Promise<z.output<typeof taskProgressOutput>> {
  const { taskId, leaseToken, artifacts, ...progress } = input
  const { project } = ctx.principal
  const agentId = requireAgent(ctx.principal).id
  return ctx.transact(async (tx) => {
    const params = { project, taskId, leaseToken, agentId, progress: JSON.stringify(progress), now: tx.now }
    const [row] = await tx.run(updateProgress, params)
    if (!row) return refuseLease(tx, project, taskId)
    await saveArtifacts(tx, row, artifacts)
    const { percent = null, message = null } = progress
    const data = { attempt: row.attempt, percent, message }
    tx.append({ type: 'task.progressed', subject: taskId, actor: agentId, taskId, epic: row.epic, data })
    return { taskId, revision: row.revision }
  })
}
