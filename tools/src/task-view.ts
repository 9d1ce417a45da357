import { taskStatuses } from '@tony/mcp-shared/task-statuses'
import { agentLabel, toSingleLine } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Task } from './calls.ts'
import type { OutputBudget } from './output-budget.ts'
import { type AgentLabeler, authorIdsOf, showTexts, type TextField, taskTextOf, textFields } from './task-texts.ts'
import type { LongText } from './text-part.ts'
import type { ToolSession } from './tool-session.ts'

/** Maximum number of dependencies that are shown with their results. */
const maxDependencies = 10

export const taskStatus = z.enum(taskStatuses)

/** Output of a tool that changes the status of a task. */
export const taskStatusOutput = z.object({ taskId: z.string(), status: taskStatus, next: z.string() })

/** A task as the agent with its lease sees it. Texts of others are delimited. */
export const workView = z.object({
  taskId: z.string(),
  title: z.string().optional(),
  type: z.string(),
  priority: z.string(),
  attempt: z.number(),
  description: z.string().optional().describe('what to do, by whoever created the task'),
  acceptanceCriteria: z.string().optional().describe('conditions that the result must meet'),
  design: z.string().optional().describe('how to do it'),
  notes: z.string().optional().describe('what else to know'),
  progress: z.string().optional().describe('where the attempt before left off'),
  question: z.string().optional().describe('the question asked before'),
  answer: z.string().optional().describe('the answer to it'),
  review: z.string().optional().describe('why the result before was sent back'),
  dependencies: z.array(z.object({ taskId: z.string(), title: z.string().optional(), result: z.string() })).optional(),
})

/**
 * Loads the labels of the agents with these ids from the server. A null id is the developer on the
 * server's machine.
 */
export async function loadAgentNames(toolSession: ToolSession, ids: readonly (string | null)[]): Promise<AgentLabeler> {
  const knownIds = new Set(ids.filter((id) => id !== null))
  const entries = [...knownIds].map(
    async (id) => [id, await toolSession.call('agents.get', { agent: id }).catch(() => undefined)] as const,
  )
  const agents = new Map(await Promise.all(entries))
  return (id, incarnation) => {
    const agent = id === null ? undefined : agents.get(id)
    if (id !== null && !agent) return `agent ${id}`
    const isEarlier = agent !== undefined && typeof incarnation === 'number' && incarnation < agent.incarnation
    return `${agentLabel(agent)}${isEarlier ? ', before it registered again' : ''}`
  }
}

export const toTitleField = ({ title }: Pick<Task, 'title'>): { title?: string } =>
  title === null ? {} : { title: toSingleLine(title) }

async function loadDependencies(toolSession: ToolSession, task: Task): Promise<Task[]> {
  const ids = task.dependsOn.slice(0, maxDependencies)
  return Promise.all(ids.map((taskId) => toolSession.call('tasks.get', { taskId })))
}

/** The texts of a claimed task that its agent needs. */
const workFieldsOf = ({ attempt, review }: Task): TextField[] => [
  'description',
  'acceptanceCriteria',
  'design',
  'notes',
  ...(attempt > 1 ? (['progress'] as const) : []),
  'question',
  'answer',
  ...(review && !review.accept ? (['review'] as const) : []),
]

/** Returns a claimed task with everything that its agent needs to work on it. */
export async function toWorkView(
  toolSession: ToolSession,
  task: Task,
  budget: OutputBudget,
): Promise<z.output<typeof workView>> {
  const dependencyTasks = await loadDependencies(toolSession, task)
  const nameOf = await loadAgentNames(toolSession, [
    ...authorIdsOf(task),
    ...dependencyTasks.map(({ claimedBy }) => claimedBy),
  ])
  const head = {
    taskId: task.id,
    ...toTitleField(task),
    type: toSingleLine(task.type),
    priority: task.priority,
    attempt: task.attempt,
  }
  const headsOfDependencies = dependencyTasks.map((dependency) => ({
    taskId: dependency.id,
    ...toTitleField(dependency),
  }))
  budget.spend({ head, headsOfDependencies, names: textFields })
  const fields = workFieldsOf(task).flatMap((field) => {
    const long = taskTextOf(task, field, nameOf)
    return long ? [{ field, long: { ...long, source: workSourceOf(field, long) } }] : []
  })
  const results = dependencyTasks.map((dependency) => resultTextOf(dependency, nameOf))
  const shown = showTexts([...fields.map(({ long }) => long), ...results], budget)
  return {
    ...head,
    ...Object.fromEntries(fields.map(({ field }, index) => [field, shown[index]])),
    ...(dependencyTasks.length === 0
      ? {}
      : {
          dependencies: headsOfDependencies.map((dependency, index) => ({
            ...dependency,
            result: shown[fields.length + index] ?? '',
          })),
        }),
  }
}

/** The progress of a claimed task is that of an earlier attempt. */
const workSourceOf = (field: TextField, { source }: LongText): string =>
  field === 'progress' ? 'progress of the attempt before' : source

const resultTextOf = (dependency: Task, nameOf: AgentLabeler): LongText =>
  taskTextOf(dependency, 'result', nameOf) ?? {
    text: 'no result',
    source: `result of ${nameOf(dependency.claimedBy)}`,
    rest: () => '',
  }
