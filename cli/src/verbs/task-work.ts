import type { Client, Task } from '@tony/mcp-client'
import { endedStatuses, type TaskStatus, taskStatuses } from '@tony/mcp-shared/task-statuses'
import { type Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { usageExitCode } from '../exit-codes.ts'
import { isRecord } from '../is-record.ts'
import { formatCell } from '../output/cells.ts'
import type { DestructiveEffect } from './confirmation.ts'
import { addDestructiveVerb } from './destructive.ts'
import { addVerb, parseCount, type VerbCall } from './verb.ts'

/** The statuses that `tasks.cancel` changes. */
const openStatuses: ReadonlySet<TaskStatus> = new Set(
  taskStatuses.filter((status) => !endedStatuses.some((ended) => ended === status)),
)

export interface TaskFilterOptions {
  readonly status?: TaskStatus
  readonly type?: string
  readonly epic?: string
  readonly story?: string
  readonly parent?: string
}

export const addTaskFilterOptions = (command: Command): Command =>
  command
    .addOption(new Option('--status <status>', 'only those with this status').choices(taskStatuses))
    .option('--type <type>', 'only those of this type')
    .option('--epic <epic>', 'only those of this epic')
    .option('--story <story>', 'only those of this story')
    .option('--parent <task>', 'only the children of this task')

/** Returns the id of an agent that is named by its id or its name. */
export const resolveAgentId = async (client: Client, agent: string): Promise<string> =>
  (await client.agents.get({ agent })).id

/** The most tasks that one call of a bulk procedure changes. */
const maxBulk = 500

/** Returns the tasks that a bulk verb would change: the named ones, or those of its filter. */
async function selectTasks(
  { client, values, options }: VerbCall<TaskFilterOptions>,
  isMeant: (task: Task) => boolean,
): Promise<Task[]> {
  const { status, type, epic, story, parent } = options
  if (values.length > 0) return Promise.all(values.map((taskId) => client.tasks.get({ taskId })))
  if ([status, type, epic, story, parent].every((field) => field === undefined))
    throw new CommandError(usageExitCode, 'name tasks, or at least one of --status, --type, --epic, --story, --parent')
  const selected: Task[] = []
  for (let cursor: string | undefined; selected.length < maxBulk; ) {
    const page = await client.tasks.list({ status, type, epic, story, parentId: parent, limit: maxBulk, cursor })
    selected.push(...page.tasks.filter(isMeant))
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  return selected.slice(0, maxBulk)
}

const toEffect = ({ id, status, title, type }: Task): DestructiveEffect => ({ id, text: `${status}  ${title ?? type}` })

/** Returns a value that a person typed: JSON if it is an object or a list, else the text itself. */
function parseAnswer(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CommandError(usageExitCode, 'the value begins like JSON and is none', { cause })
  }
}

type BulkResult = Awaited<ReturnType<Client['tasks']['cancelMany']>>
type TransitionResult = Awaited<ReturnType<Client['tasks']['hold']>>

const formatBulk =
  (what: string) =>
  ({ taskIds, more }: BulkResult): string =>
    `${what} ${taskIds.length} tasks${more ? ', and there are more' : ''}`

const formatStatus = (transition: TransitionResult): string =>
  isRecord(transition) ? `${transition.taskId}  ${transition.status}` : ''

function addBulkVerbs(tasks: Command): void {
  addDestructiveVerb<TaskFilterOptions & { readonly reason?: string }, BulkResult>(tasks, {
    name: 'cancel',
    usage: '[task...]',
    description: 'end tasks for good: the named ones, or those of a filter, at most 500',
    addOptions: (command) => addTaskFilterOptions(command).option('--reason <text>', 'the reason, for the record'),
    effects: async (call) =>
      (await selectTasks(call, ({ status }) => openStatuses.has(status)))
        .filter(({ status }) => openStatuses.has(status))
        .map(toEffect),
    run: async ({ client, options: { reason } }, effects) =>
      effects.length === 0
        ? { taskIds: [], more: false }
        : client.tasks.cancelMany({ filter: { taskIds: effects.map(({ id }) => id) }, reason }),
    format: formatBulk('cancelled'),
  })
  addVerb<TaskFilterOptions, BulkResult>(tasks, {
    name: 'retry',
    usage: '[task...]',
    description: 'make failed tasks claimable again: the named ones, or those of a filter, at most 500',
    addOptions: addTaskFilterOptions,
    run: async (call) => {
      const failed = await selectTasks(call, ({ status }) => status === 'failed')
      if (failed.length === 0) return { taskIds: [], more: false }
      return call.client.tasks.retryMany({ filter: { taskIds: failed.map(({ id }) => id) } })
    },
    format: formatBulk('retried'),
  })
}

function addVerifyVerb(tasks: Command): void {
  addVerb<{ readonly accept?: boolean; readonly reject?: boolean; readonly note?: string }, TransitionResult>(tasks, {
    name: 'verify',
    usage: '<task>',
    description: 'accept the result of a task in review, or return the task to the queue',
    addOptions: (command) =>
      command
        .option('--accept', 'complete it')
        .option('--reject', 'return it to the queue with the note')
        .option('--note <text>', 'the reason'),
    run: ({ client, values: [taskId = ''], options: { accept = false, reject = false, note } }) => {
      if (accept === reject) throw new CommandError(usageExitCode, 'name one of --accept and --reject')
      return client.tasks.verify({ taskId, accept, note })
    },
    format: formatStatus,
  })
}

type Answered = TransitionResult & Pick<Task, 'attempt'> & { readonly question?: string | undefined }

/** Adds `answer`. Without `--attempt` it answers the question that it has read, and prints it. */
function addAnswerVerb(tasks: Command): void {
  addVerb<{ readonly attempt?: number }, Answered>(tasks, {
    name: 'answer',
    usage: '<task> <answer>',
    description: 'answer the question of a task: a text, or JSON that begins with { or [',
    addOptions: (command) =>
      command.option('--attempt <number>', 'only the question of this attempt (default: the open one)', parseCount),
    run: async ({ client, values: [taskId = '', answer = ''], options }) => {
      const task = await client.tasks.get({ taskId })
      const { attempt = task.attempt } = options
      const reply = await client.tasks.provideInput({ taskId, answer: parseAnswer(answer), attempt })
      return { ...reply, attempt, question: task.inputRequest?.question }
    },
    format: (answered) =>
      `${formatStatus(answered)}  question of attempt ${answered.attempt}: ${formatCell(answered.question)}`,
  })
}

/** Adds the verbs that change tasks. */
export function addTaskWork(tasks: Command): void {
  addBulkVerbs(tasks)
  addVerb<{ readonly reason: string }, TransitionResult>(tasks, {
    name: 'hold',
    usage: '<task>',
    description: 'keep a waiting task from being claimed until unhold',
    addOptions: (command) => command.option('--reason <text>', 'the reason', 'held on the command line'),
    run: ({ client, values: [taskId = ''], options: { reason } }) => client.tasks.hold({ taskId, reason }),
    format: formatStatus,
  })
  addVerb<object, TransitionResult>(tasks, {
    name: 'unhold',
    usage: '<task>',
    description: 'end the hold of a task',
    run: ({ client, values: [taskId = ''] }) => client.tasks.unhold({ taskId }),
    format: formatStatus,
  })
  addAnswerVerb(tasks)
  addVerifyVerb(tasks)
}
