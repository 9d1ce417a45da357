import { taskStatuses } from '@tony/mcp-shared/tasks'
import { fenced, inLine, nameOfAgent } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Task } from './calls.ts'
import type { Seat } from './seat.ts'

/** So many tasks that a task depends on are shown with their results. */
const shownDependencies = 10

export const taskStatus = z.enum(taskStatuses)

/** What a tool that moves a task answers. */
export const moved = z.object({ taskId: z.string(), status: taskStatus, next: z.string() })

/** A task as the agent that works on it sees it. Texts of others are fenced. */
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

/** Names the agents with these ids, as the server knows them. Null is the developer on the server's machine. */
export async function namesOf(seat: Seat, ids: readonly (string | null)[]): Promise<(id: string | null) => string> {
  const known = new Set(ids.filter((id) => id !== null))
  const named = [...known].map(async (id): Promise<[string, string]> => {
    const agent = await seat.call('agents.get', { agent: id }).catch(() => undefined)
    return [id, agent === undefined ? `agent ${id}` : nameOfAgent(agent)]
  })
  const names = new Map(await Promise.all(named))
  return (id) => (id === null ? nameOfAgent(undefined) : (names.get(id) ?? `agent ${id}`))
}

const optional = <K extends string>(key: K, text: string | undefined): { [k in K]?: string } =>
  text === undefined ? {} : ({ [key]: text } as { [k in K]?: string })

export const titleOf = ({ title }: Pick<Task, 'title'>) => optional('title', title === null ? undefined : inLine(title))

async function dependenciesOf(seat: Seat, task: Task): Promise<Task[]> {
  const ids = task.dependsOn.slice(0, shownDependencies)
  return Promise.all(ids.map((taskId) => seat.call('tasks.get', { taskId })))
}

function answerOf({ input }: Task, nameOf: (id: string | null) => string): string | undefined {
  if (!input) return undefined
  const by = input.by === null ? 'the operator, or the default answer' : nameOf(input.by)
  return `${fenced(input.question, 'your question, or that of an attempt before')}\n${fenced(input.answer, `answer of ${by}`)}`
}

function progressOf({ progress }: Task): string | undefined {
  if (!progress) return undefined
  const { percent, message, details } = progress
  return fenced({ percent, message, details }, 'progress of the attempt before')
}

/** A claimed task with all that is needed to work on it. */
export async function presentWork(seat: Seat, task: Task): Promise<z.output<typeof workView>> {
  const before = await dependenciesOf(seat, task)
  const { createdBy, input, review } = task
  const ids = [createdBy, input?.by ?? null, review?.by ?? null, ...before.map(({ claimedBy }) => claimedBy)]
  const nameOf = await namesOf(seat, ids)
  return {
    taskId: task.id,
    ...titleOf(task),
    type: inLine(task.type),
    priority: task.priority,
    attempt: task.attempt,
    ...optional(
      'description',
      task.description === null
        ? undefined
        : fenced(task.description, `task written by ${nameOf(createdBy)}`, 'what to do'),
    ),
    ...optional('progress', task.attempt > 1 ? progressOf(task) : undefined),
    ...optional('answer', answerOf(task, nameOf)),
    ...optional(
      'review',
      review && !review.accept ? fenced(review.note ?? 'no reason given', `review of ${nameOf(review.by)}`) : undefined,
    ),
    ...(before.length === 0
      ? {}
      : {
          dependencies: before.map((done) => ({
            taskId: done.id,
            ...titleOf(done),
            result: fenced(done.result ?? 'no result', `result of ${nameOf(done.claimedBy)}`),
          })),
        }),
  }
}
