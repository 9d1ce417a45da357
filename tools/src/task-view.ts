import { taskStatuses } from '@tony/mcp-shared/tasks'
import { agentLabel, delimitUntrusted, toSingleLine } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Task } from './calls.ts'
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
  progress: z.string().optional().describe('where the attempt before left off'),
  answer: z.string().optional().describe('the answer to the question asked before'),
  review: z.string().optional().describe('why the result before was sent back'),
  dependencies: z.array(z.object({ taskId: z.string(), title: z.string().optional(), result: z.string() })).optional(),
})

/**
 * Loads the labels of the agents with these ids from the server. A null id is the developer on the
 * server's machine.
 */
export async function loadAgentNames(
  toolSession: ToolSession,
  ids: readonly (string | null)[],
): Promise<(id: string | null) => string> {
  const knownIds = new Set(ids.filter((id) => id !== null))
  const entries = [...knownIds].map(async (id): Promise<[string, string]> => {
    const agent = await toolSession.call('agents.get', { agent: id }).catch(() => undefined)
    return [id, agent === undefined ? `agent ${id}` : agentLabel(agent)]
  })
  const names = new Map(await Promise.all(entries))
  return (id) => (id === null ? agentLabel(undefined) : (names.get(id) ?? `agent ${id}`))
}

const optionalField = <K extends string>(key: K, text: string | undefined): { [k in K]?: string } =>
  text === undefined ? {} : ({ [key]: text } as { [k in K]?: string })

export const toTitleField = ({ title }: Pick<Task, 'title'>) =>
  optionalField('title', title === null ? undefined : toSingleLine(title))

async function loadDependencies(toolSession: ToolSession, task: Task): Promise<Task[]> {
  const ids = task.dependsOn.slice(0, maxDependencies)
  return Promise.all(ids.map((taskId) => toolSession.call('tasks.get', { taskId })))
}

function answerText({ input }: Task, nameOf: (id: string | null) => string): string | undefined {
  if (!input) return undefined
  const by = input.by === null ? 'the operator, or the default answer' : nameOf(input.by)
  return `${delimitUntrusted(input.question, 'your question, or that of an attempt before')}\n${delimitUntrusted(input.answer, `answer of ${by}`)}`
}

function progressText({ progress }: Task): string | undefined {
  if (!progress) return undefined
  const { percent, message, details } = progress
  return delimitUntrusted({ percent, message, details }, 'progress of the attempt before')
}

/** Returns a claimed task with everything that its agent needs to work on it. */
export async function toWorkView(toolSession: ToolSession, task: Task): Promise<z.output<typeof workView>> {
  const dependencyTasks = await loadDependencies(toolSession, task)
  const { createdBy, input, review } = task
  const ids = [createdBy, input?.by ?? null, review?.by ?? null, ...dependencyTasks.map(({ claimedBy }) => claimedBy)]
  const nameOf = await loadAgentNames(toolSession, ids)
  return {
    taskId: task.id,
    ...toTitleField(task),
    type: toSingleLine(task.type),
    priority: task.priority,
    attempt: task.attempt,
    ...optionalField(
      'description',
      task.description === null
        ? undefined
        : delimitUntrusted(task.description, `task written by ${nameOf(createdBy)}`, 'what to do'),
    ),
    ...optionalField('progress', task.attempt > 1 ? progressText(task) : undefined),
    ...optionalField('answer', answerText(task, nameOf)),
    ...optionalField(
      'review',
      review && !review.accept
        ? delimitUntrusted(review.note ?? 'no reason given', `review of ${nameOf(review.by)}`)
        : undefined,
    ),
    ...(dependencyTasks.length === 0
      ? {}
      : {
          dependencies: dependencyTasks.map((dependency) => ({
            taskId: dependency.id,
            ...toTitleField(dependency),
            result: delimitUntrusted(dependency.result ?? 'no result', `result of ${nameOf(dependency.claimedBy)}`),
          })),
        }),
  }
}
