import { taskTreeOutput } from '@tony/mcp-shared/task-queries'
import type { TaskStatus } from '@tony/mcp-shared/task-statuses'
import type { A2aCalls } from './calls.ts'
import { invalidInputError } from './errors.ts'
import type { ListTasksParams } from './params.ts'
import { changedAtOf, type StoredTask, statusesOf, toA2aTask } from './task.ts'

/** A position in a list: the status that is read, and the cursor within it. */
interface Position {
  readonly index: number
  readonly cursor: string | undefined
}

function parseToken(token: string | undefined, count: number): Position {
  if (token === undefined || token === '') return { index: 0, cursor: undefined }
  const [, index = '', cursor = ''] = /^(\d)\.(.*)$/.exec(token) ?? []
  if (index === '' || Number(index) >= count) throw invalidInputError('pageToken: not a nextPageToken of this list')
  return { index: Number(index), cursor: cursor === '' ? undefined : cursor }
}

/** The statuses to read one after the other; undefined reads all. */
const statusesFor = ({ status }: ListTasksParams): readonly (TaskStatus | undefined)[] =>
  status === undefined ? [undefined] : statusesOf(status)

/** Returns the number of tasks that match the context and the state. */
async function countTasks(
  calls: A2aCalls,
  { contextId }: ListTasksParams,
  statuses: readonly (TaskStatus | undefined)[],
) {
  const rollup =
    contextId === undefined || contextId === ''
      ? (await calls.call('system.metrics', {})).tasks
      : taskTreeOutput.parse(await calls.readStoryTree(contextId)).rollup
  if (!rollup) return 0
  return statuses.reduce(
    (total, status) => total + (status === undefined ? rollup.total : (rollup.byStatus[status] ?? 0)),
    0,
  )
}

interface Page {
  readonly tasks: StoredTask[]
  /** Empty at the end of the list. */
  readonly nextPageToken: string
}

/** Reads a page. A state may stand for two statuses, which are read one after the other. */
async function readPage(
  calls: A2aCalls,
  params: ListTasksParams,
  statuses: readonly (TaskStatus | undefined)[],
): Promise<Page> {
  const { contextId, pageSize, pageToken } = params
  const tasks: StoredTask[] = []
  let { index, cursor } = parseToken(pageToken, statuses.length)
  while (index < statuses.length) {
    const status = statuses[index]
    const page = await calls.call('tasks.list', {
      limit: pageSize - tasks.length,
      ...(status !== undefined && { status }),
      ...(contextId !== undefined && contextId !== '' && { story: contextId }),
      ...(cursor !== undefined && { cursor }),
    })
    tasks.push(...page.tasks)
    if (page.nextCursor !== null) return { tasks, nextPageToken: `${index}.${page.nextCursor}` }
    index += 1
    cursor = undefined
    if (tasks.length === pageSize && index < statuses.length) return { tasks, nextPageToken: `${index}.` }
  }
  return { tasks, nextPageToken: '' }
}

/** Lists tasks in the order of their creation, within each status. */
export async function listTasks(calls: A2aCalls, params: ListTasksParams): Promise<unknown> {
  const { pageSize, statusTimestampAfter, historyLength, includeArtifacts } = params
  const statuses = statusesFor(params)
  const totalSize = await countTasks(calls, params, statuses)
  const { tasks, nextPageToken } = await readPage(calls, params, statuses)
  const after = statusTimestampAfter === undefined ? Number.NEGATIVE_INFINITY : Date.parse(statusTimestampAfter)
  const recent = tasks.filter((stored) => Date.parse(changedAtOf(stored)) >= after)
  return {
    tasks: recent.map((stored) => toA2aTask(stored, { historyLength, includeArtifacts })),
    nextPageToken,
    pageSize,
    totalSize,
  }
}
