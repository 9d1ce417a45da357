import type { taskListInput, taskListOutput } from '@tony/mcp-shared/task-queries'
import { and, eq, gt, notInArray, type SQL } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { pageCharacterLimit, parseCursor } from '../../platform/paging.ts'
import { type TaskRow, toTask } from './serialize.ts'

const textSizeOf = ({ description, metadata, result, progress, error }: TaskRow): number =>
  [description, metadata, result, progress, error].reduce((size, text) => size + (text?.length ?? 0), 0)

/** Returns the rows that fit into one page, at least one. */
function fitToPage(rows: readonly TaskRow[]): readonly TaskRow[] {
  let size = 0
  const end = rows.findIndex((row, index) => {
    size += textSizeOf(row)
    return index > 0 && size > pageCharacterLimit
  })
  return end < 0 ? rows : rows.slice(0, end)
}

/** `tasks.list`: in the order of creation, in pages. */
export const listTasks = (
  ctx: Context,
  input: z.output<typeof taskListInput>,
): Promise<z.output<typeof taskListOutput>> =>
  ctx.read(async (reader) => {
    const { tasks } = reader.t
    const where: SQL[] = [eq(tasks.projectId, ctx.principal.project)]
    if (input.status) where.push(eq(tasks.status, input.status))
    if (input.type) where.push(eq(tasks.type, input.type))
    if (input.story) where.push(eq(tasks.story, input.story))
    if (input.epic) where.push(eq(tasks.epic, input.epic))
    if (input.claimedBy)
      where.push(eq(tasks.agentId, input.claimedBy), notInArray(tasks.status, ['pending', 'blocked', 'input_required']))
    if (input.parentId) where.push(eq(tasks.parentId, input.parentId))
    const after = parseCursor(input.cursor)
    if (after !== undefined) where.push(gt(tasks.ord, after))
    const rows = await reader.db
      .select()
      .from(tasks)
      .where(and(...where))
      .orderBy(tasks.ord)
      .limit(input.limit + 1)
    const page = fitToPage(rows.slice(0, input.limit))
    const last = page.at(-1)
    return {
      tasks: await Promise.all(page.map((row) => toTask(reader, row))),
      nextCursor: rows.length > page.length && last ? String(last.ord) : null,
    }
  })
