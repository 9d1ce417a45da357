import type { taskListInput, taskListOutput } from '@tony/mcp-shared/task-queries'
import { and, eq, gt, lte, notInArray, type SQL } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { countRowsOfPage, parseListCursor } from '../../platform/paging.ts'
import type { Reader } from '../../store/store.ts'
import { taskBytesSql } from './bytes.ts'
import { toTask } from './serialize.ts'

type Input = z.output<typeof taskListInput>

function conditionOf({ t: { tasks } }: Reader, ctx: Context, input: Input): SQL | undefined {
  const where: SQL[] = [eq(tasks.projectId, ctx.principal.project)]
  if (input.status) where.push(eq(tasks.status, input.status))
  if (input.type) where.push(eq(tasks.type, input.type))
  if (input.story) where.push(eq(tasks.story, input.story))
  if (input.epic) where.push(eq(tasks.epic, input.epic))
  if (input.claimedBy)
    where.push(eq(tasks.agentId, input.claimedBy), notInArray(tasks.status, ['pending', 'blocked', 'input_required']))
  if (input.parentId) where.push(eq(tasks.parentId, input.parentId))
  const after = parseListCursor(input.cursor)
  if (after !== undefined) where.push(gt(tasks.ord, after))
  return and(...where)
}

/**
 * `tasks.list`: in the order of creation, in pages. It measures the rows before it reads them: 500
 * tasks may have hundreds of megabytes.
 */
export const listTasks = (ctx: Context, input: Input): Promise<z.output<typeof taskListOutput>> =>
  ctx.read(async (reader) => {
    const { tasks } = reader.t
    const where = conditionOf(reader, ctx, input)
    const measured = await reader.db
      .select({ ord: tasks.ord, bytes: taskBytesSql(reader) })
      .from(tasks)
      .where(where)
      .orderBy(tasks.ord)
      .limit(input.limit + 1)
    const count = countRowsOfPage(measured.slice(0, input.limit))
    const last = measured[count - 1]
    if (!last) return { tasks: [], nextCursor: null }
    const page = await reader.db
      .select()
      .from(tasks)
      .where(and(where, lte(tasks.ord, last.ord)))
      .orderBy(tasks.ord)
      .limit(count)
    return {
      tasks: await Promise.all(page.map((row) => toTask(reader, row))),
      nextCursor: measured.length > count ? String(last.ord) : null,
    }
  })
