import type { TaskStatus } from '@tony/mcp-shared/task-statuses'
import type { task } from '@tony/mcp-shared/tasks'
import { z } from 'zod'
import type { TaskState } from './params.ts'

export type StoredTask = z.output<typeof task>

/** The state of each status. A reviewer's work on a result is work on the task. */
const stateByStatus: Readonly<Record<TaskStatus, TaskState>> = {
  blocked: 'TASK_STATE_SUBMITTED',
  pending: 'TASK_STATE_SUBMITTED',
  in_progress: 'TASK_STATE_WORKING',
  in_review: 'TASK_STATE_WORKING',
  input_required: 'TASK_STATE_INPUT_REQUIRED',
  completed: 'TASK_STATE_COMPLETED',
  failed: 'TASK_STATE_FAILED',
  cancelled: 'TASK_STATE_CANCELED',
}

export const stateOf = ({ status }: Pick<StoredTask, 'status'>): TaskState => stateByStatus[status]

/** Returns the statuses of a state; none for a state that no task of this server has. */
export const statusesOf = (state: TaskState): readonly TaskStatus[] =>
  Object.entries(stateByStatus).flatMap(([status, own]) => (own === state ? [status as TaskStatus] : []))

/** True if the caller of a task waits for nothing more, or has to act itself. */
export const isAtRest = ({ status }: Pick<StoredTask, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'input_required'

export const hasEnded = ({ status }: Pick<StoredTask, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled'

const parts = z.array(z.record(z.string(), z.unknown()))

/** The parts of a task's metadata that came from a message. */
const messageOrigin = z.object({ messageId: z.string(), contextId: z.string(), parts: parts.optional() })

const messageOriginOf = ({ metadata }: StoredTask) => messageOrigin.safeParse(metadata['a2a']).data

/** Returns the context of a task: that of its message, else its story, else the task itself. */
export const contextIdOf = (stored: StoredTask): string =>
  messageOriginOf(stored)?.contextId ?? stored.story ?? stored.id

const toPart = (value: unknown) => (typeof value === 'string' ? { text: value } : { data: value })

function artifactsOf(stored: StoredTask): readonly unknown[] {
  const { result, artifacts } = stored
  const files = artifacts.map(({ name, uri, mediaType }) => ({
    artifactId: name,
    name,
    parts: [{ url: uri, filename: name, ...(mediaType !== undefined && { mediaType }) }],
  }))
  return result === null || result === undefined
    ? files
    : [{ artifactId: 'result', name: 'result', parts: [toPart(result)] }, ...files]
}

/** Returns the text that explains the state of a task, if there is one. */
function statusTextOf({ status, error, inputRequest, progress }: StoredTask): string | undefined {
  if (status === 'failed' || status === 'cancelled') return error ?? undefined
  if (status === 'input_required') return inputRequest?.question
  return status === 'in_progress' ? progress?.message : undefined
}

/** Returns the time of the last known change of the state. */
export const changedAtOf = ({ completedAt, inputRequest, createdAt, status }: StoredTask): string =>
  completedAt ?? (status === 'input_required' ? inputRequest?.at : undefined) ?? createdAt

export function a2aStatusOf(stored: StoredTask): unknown {
  const text = statusTextOf(stored)
  const message = text !== undefined && {
    message: {
      messageId: `${stored.id}-${stored.revision}`,
      contextId: contextIdOf(stored),
      taskId: stored.id,
      role: 'ROLE_AGENT',
      parts: [{ text }],
      metadata: { attempt: stored.attempt },
    },
  }
  return { state: stateOf(stored), timestamp: changedAtOf(stored), ...message }
}

/** Returns the messages of a task: the one that created it, and the answer to its question. */
function historyOf(stored: StoredTask): readonly unknown[] {
  const own = messageOriginOf(stored)
  const common = { contextId: contextIdOf(stored), taskId: stored.id, role: 'ROLE_USER' }
  const text = stored.description ?? stored.title
  const first = own && { ...common, messageId: own.messageId, parts: own.parts ?? [{ text: text ?? '' }] }
  const answer = stored.input && { ...common, messageId: `${stored.id}-input`, parts: [toPart(stored.input.answer)] }
  return [first, answer].filter((message) => message !== undefined && message !== null)
}

interface TaskView {
  readonly historyLength?: number | undefined
  readonly includeArtifacts?: boolean
}

/** Returns a task as A2A shows it. */
export function toA2aTask(stored: StoredTask, { historyLength, includeArtifacts = true }: TaskView = {}): unknown {
  const history = historyLength === 0 ? [] : historyOf(stored).slice(-(historyLength ?? 100))
  const artifacts = includeArtifacts ? artifactsOf(stored) : []
  return {
    id: stored.id,
    contextId: contextIdOf(stored),
    status: a2aStatusOf(stored),
    ...(artifacts.length > 0 && { artifacts }),
    ...(history.length > 0 && { history }),
    metadata: { type: stored.type, priority: stored.priority, attempt: stored.attempt, assignedTo: stored.assignedTo },
  }
}

/** Returns the artifacts of a task as events of a stream. */
export const artifactEventsOf = (stored: StoredTask): readonly unknown[] =>
  artifactsOf(stored).map((artifact) => ({
    artifactUpdate: { taskId: stored.id, contextId: contextIdOf(stored), artifact, append: false, lastChunk: true },
  }))

/** Returns the state of a task as an event of a stream. */
export const statusEventOf = (stored: StoredTask): unknown => ({
  statusUpdate: { taskId: stored.id, contextId: contextIdOf(stored), status: a2aStatusOf(stored) },
})
