import { priorityOfRank } from '@tony/mcp-shared/priorities'
import type { taskTreeInput, taskTreeOutput } from '@tony/mcp-shared/task-queries'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { rollupOf } from '../../domain/tasks/rollup.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { countRowsOfPage } from '../../platform/paging.ts'
import { placeholder, type Reader, type StatementParts, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { requireTask } from './get.ts'
import { taskStatusOf } from './serialize.ts'
import { dependenciesOf } from './tree-dependencies.ts'

const nodeLimit = 1_000

type Tree = z.output<typeof taskTreeOutput>
type TreeGroup = Pick<z.output<typeof taskTreeInput>, 'epic' | 'story'>

type NodeRow = Pick<TaskRow, 'id' | 'parentId' | 'type' | 'title' | 'status' | 'priority'>

/** The columns of a node. The others may be large. */
const nodeColumns = ({ tasks: { id, parentId, type, title, status, priority } }: Tables) => ({
  id,
  parentId,
  type,
  title,
  status,
  priority,
})

const findChildren = statement(({ db, t, p }: StatementParts<{ project: string; parentId: string; limit: number }>) =>
  db
    .select(nodeColumns(t))
    .from(t.tasks)
    .where(and(eq(t.tasks.parentId, p.parentId), eq(t.tasks.projectId, p.project)))
    .orderBy(t.tasks.ord)
    .limit(placeholder('limit'))
    .prepare(),
)

const toNode = (row: NodeRow, depth: number) => ({
  id: row.id,
  parentId: row.parentId,
  depth,
  type: row.type,
  title: row.title,
  status: taskStatusOf(row),
  priority: priorityOfRank(row.priority),
})

/** Returns the nodes that fit into one reply. */
function cutToReply(nodes: Tree['nodes'], rollup: Tree['rollup']): Tree {
  const allowed = nodes.slice(0, nodeLimit)
  const sizes = allowed.map(({ title, type }) => ({ bytes: Buffer.byteLength(title ?? '') + Buffer.byteLength(type) }))
  const count = countRowsOfPage(sizes)
  return { nodes: allowed.slice(0, count), rollup, truncated: nodes.length > count }
}

/** Returns a task and its descendants, level by level. */
async function subtreeOf(reader: Reader, project: string, taskId: string, depthLimit: number): Promise<Tree> {
  const root = await requireTask(reader, project, taskId)
  const nodes = [toNode(root, 0)]
  // Plans that were imported one after the other can make two tasks each other's parent.
  const seen = new Set([root.id])
  let level: NodeRow[] = [root]
  for (let depth = 1; depth <= depthLimit && level.length > 0; depth += 1) {
    const nextLevel: NodeRow[] = []
    for (const parent of level) {
      const limit = nodeLimit - nodes.length + 1
      const found = await reader.run(findChildren, { project, parentId: parent.id, limit })
      const rows = found.filter(({ id }) => !seen.has(id))
      for (const row of rows) {
        seen.add(row.id)
        nodes.push(toNode(row, depth))
      }
      nextLevel.push(...rows)
      if (nodes.length > nodeLimit) return cutToReply(nodes, null)
    }
    level = nextLevel
  }
  return cutToReply(nodes, null)
}

/** Returns the tasks of an epic or a story in the order of creation, and their rollup. */
async function groupTreeOf(reader: Reader, project: string, { epic, story }: TreeGroup): Promise<Tree> {
  const { tasks } = reader.t
  const inScope = epic === undefined ? eq(tasks.story, story ?? '') : eq(tasks.epic, epic)
  const rows = await reader.db
    .select(nodeColumns(reader.t))
    .from(tasks)
    .where(and(eq(tasks.projectId, project), inScope))
    .orderBy(tasks.ord)
    .limit(nodeLimit + 1)
  const nodes = rows.map((row) => toNode(row, 0))
  return cutToReply(nodes, await rollupOf(reader, project, { epic, story }))
}

export const getTaskTree = (ctx: Context, input: z.output<typeof taskTreeInput>): Promise<Tree> =>
  ctx.read(async (reader) => {
    const { project } = ctx.principal
    const { taskId, depth } = input
    const tree = await (taskId === undefined
      ? groupTreeOf(reader, project, input)
      : subtreeOf(reader, project, taskId, depth))
    if (!input.dependencies) return tree
    const ids = tree.nodes.map(({ id }) => id)
    const { dependencies, truncated } = await dependenciesOf(reader, ids)
    return { ...tree, dependencies, truncated: tree.truncated || truncated }
  })
