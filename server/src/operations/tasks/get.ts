import type { taskGetInput } from '@tony/mcp-shared/task-queries'
import { and, eq, or } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { taskNotFoundError } from '../../domain/tasks/lease.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'
import { type TaskOutput, toTask } from './serialize.ts'

const findTaskById = statement(({ db, t, p }: StatementParts<{ project: string; taskId: string }>) =>
  db
    .select()
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), or(eq(t.tasks.id, p.taskId), eq(t.tasks.externalId, p.taskId))))
    .prepare(),
)

/** Returns a task by its id or by the external id of its import. Throws NOT_FOUND. */
export async function requireTask(reader: Reader, project: string, taskId: string): Promise<TaskRow> {
  const [row] = await reader.run(findTaskById, { project, taskId })
  if (!row) throw taskNotFoundError(taskId)
  return row
}

export const getTask = (ctx: Context, input: z.output<typeof taskGetInput>): Promise<TaskOutput> =>
  ctx.read(async (reader) => toTask(reader, await requireTask(reader, ctx.principal.project, input.taskId)))
