import { CoordinationError } from '@tony/mcp-shared/errors'
import type { taskCreateInput } from '@tony/mcp-shared/task-creation'
import { and, eq, inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import type { Principal } from '../../domain/principal.ts'
import { enqueueTask } from '../../domain/tasks/enqueue.ts'
import { authorshipOf } from '../../domain/tasks/new-task.ts'
import { replyBytesOf } from '../../platform/reply-bytes.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { type TaskOutput, toTask } from './serialize.ts'

const findLeasedTask = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string; agentId: string }>) =>
  db
    .select({ id: t.tasks.id })
    .from(t.tasks)
    .where(
      and(
        eq(t.tasks.id, p.taskId),
        eq(t.tasks.projectId, p.project),
        eq(t.tasks.agentId, p.agentId),
        equalsLiteral(t.tasks.status, 'in_progress'),
      ),
    )
    .prepare(),
)

/**
 * Throws FORBIDDEN for a developer that creates a task elsewhere than under a task it holds. Only
 * tech leads and admins shape the rest of the tree.
 */
export async function authorizeCreation(
  tx: Transaction,
  principal: Principal,
  parentIds: readonly (string | undefined)[],
): Promise<void> {
  if (principal.role === 'tech-lead' || principal.role === 'admin') return
  const agentId = principal.agent?.id ?? ''
  for (const taskId of new Set(parentIds)) {
    const [held] =
      taskId === undefined ? [] : await tx.run(findLeasedTask, { project: principal.project, taskId, agentId })
    if (!held) {
      throw new CoordinationError(
        'FORBIDDEN',
        `a ${principal.role} creates tasks only under a task it holds: pass the id of that task as parentId`,
      )
    }
  }
}

/** Throws INVALID_INPUT for a parent that does not exist in the project. */
export async function requireParents(
  tx: Transaction,
  project: string,
  parentIds: readonly (string | undefined)[],
): Promise<void> {
  const wanted = [...new Set(parentIds)].filter((id) => id !== undefined)
  if (wanted.length === 0) return
  const { t } = tx
  const rows = await tx.db
    .select({ id: t.tasks.id })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, project), inArray(t.tasks.id, wanted)))
  const missing = wanted.filter((id) => !rows.some((row) => row.id === id))
  if (missing.length > 0)
    throw new CoordinationError('INVALID_INPUT', `parentId names a task that does not exist: ${missing.join(', ')}`)
}

/** Bytes of an input up to which creations run at the same time: none of them has a large reply. */
const smallInputBytes = 8_192

/** True for a task whose creation reads and changes no other task, and has a small reply. */
const standsAlone = (input: z.output<typeof taskCreateInput>): boolean =>
  input.parentId === undefined &&
  input.dependsOn.length === 0 &&
  input.waitsFor.length === 0 &&
  replyBytesOf(input) <= smallInputBytes

/**
 * `tasks.create`: a task, with its dependencies. Tasks of one caller are stored in the order of its
 * calls.
 */
export const createTask = (ctx: Context, input: z.output<typeof taskCreateInput>): Promise<TaskOutput> =>
  ctx.transactLargeReply(
    async (tx) => {
      await authorizeCreation(tx, ctx.principal, [input.parentId])
      await requireParents(tx, ctx.principal.project, [input.parentId])
      const { idempotencyKey: _, ...spec } = input
      return toTask(tx, await enqueueTask(tx, authorshipOf(ctx.principal), spec))
    },
    { serialKeys: standsAlone(input) ? [] : undefined },
  )
