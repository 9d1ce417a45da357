import { priorityOfRank } from '@tony/mcp-shared/priorities'
import type { taskTreeInput, taskTreeOutput } from '@tony/mcp-shared/tasks'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { placeholder, type Query, statement } from '../store/store.ts'
import { requireTask } from './get.ts'
import { statusOf, type TaskRow } from './present.ts'

const nodeLimit = 1_000

const children = statement(({ db, t, p }: Query<{ project: string; parentId: string; limit: number }>) =>
  db
    .select()
    .from(t.tasks)
    .where(and(eq(t.tasks.parentId, p.parentId), eq(t.tasks.projectId, p.project)))
    .orderBy(t.tasks.ord)
    .limit(placeholder('limit'))
    .prepare(),
)

const node = (row: TaskRow, depth: number) => ({
  id: row.id,
  parentId: row.parentId,
  depth,
  type: row.type,
  title: row.title,
  status: statusOf(row),
  priority: priorityOfRank(row.priority),
})

/** `tasks.tree`: a task and what is under it, level by level. */
export const treeOfTasks = (
  ctx: Context,
  input: z.output<typeof taskTreeInput>,
): Promise<z.output<typeof taskTreeOutput>> =>
  ctx.read(async (reader) => {
    const { project } = ctx.principal
    const root = await requireTask(reader, project, input.taskId)
    const nodes = [node(root, 0)]
    // Plans imported one after the other can make two tasks each other's parent.
    const seen = new Set([root.id])
    let level = [root]
    for (let depth = 1; depth <= input.depth && level.length > 0; depth += 1) {
      const below: TaskRow[] = []
      for (const parent of level) {
        const limit = nodeLimit - nodes.length + 1
        const found = await reader.run(children, { project, parentId: parent.id, limit })
        const rows = found.filter(({ id }) => !seen.has(id))
        for (const row of rows) {
          seen.add(row.id)
          nodes.push(node(row, depth))
        }
        below.push(...rows)
        if (nodes.length > nodeLimit) return { nodes: nodes.slice(0, nodeLimit), truncated: true }
      }
      level = below
    }
    return { nodes, truncated: false }
  })
