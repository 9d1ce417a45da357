import type { AgentInfo as WireAgent } from '../generated/api.ts'
import type { AgentInfo, AgentMessage, TonyTask } from './shapes.ts'

const priorities = ['critical', 'urgent', 'high', 'normal', 'medium', 'low'] as const

type TaskPriority = (typeof priorities)[number]

/** The server's word for a priority of Tony, its tools or Plane. */
export function priorityOf(word: unknown): TaskPriority {
  const known = typeof word === 'string' ? priorities.find((priority) => priority === word.toLowerCase()) : undefined
  return known ?? (word === 'none' ? 'low' : 'normal')
}

const states = { idle: 'idle', active: 'active', draining: 'busy', offline: 'offline' } as const

/** The word of 2.8 for how an agent is. */
export const stateOf = (status: WireAgent['status']): string => states[status]

/** An agent as 2.8 lists it. */
export const infoOf = ({
  paused: _,
  incarnation: __,
  role: ___,
  lastActivityAt,
  status,
  ...agent
}: WireAgent): AgentInfo => ({
  ...agent,
  agentId: agent.id,
  status: stateOf(status),
  lastActivity: lastActivityAt,
})

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const maxLengths = { type: 200, epic: 200, story: 200, title: 1_000, description: 65_536 }

/** The fields of a task that the server has too, as far as it takes them. */
function fieldsOf(task: TonyTask): Partial<Record<keyof typeof maxLengths, string>> {
  const entries = Object.entries(maxLengths).flatMap(([field, limit]) => {
    const value = task[field]
    return typeof value === 'string' && value.length > 0 && value.length <= limit ? [[field, value]] : []
  })
  return Object.fromEntries(entries)
}

/** A loose task as the server takes it: what is no field of a task there is kept in its metadata. */
export function taskOf(task: TonyTask) {
  const fields = fieldsOf(task)
  const { priority, ...others } = task
  const extraFields = Object.entries(others).filter(([key]) => !Object.hasOwn(fields, key))
  // Metadata that is an object is the metadata, beside what else is kept; any other is kept like any key.
  const metadata = extraFields.flatMap((one) =>
    one[0] === 'metadata' && isRecord(one[1]) ? Object.entries(one[1]) : [one],
  )
  return {
    ...fields,
    type: fields.type ?? 'task',
    priority: priorityOf(priority),
    metadata: Object.fromEntries(metadata),
  }
}

/** A message as the server takes it. */
export function messageOf({ to, type, content, payload, priority }: AgentMessage) {
  return {
    to: to === undefined || to === 'all' ? '*' : to,
    type: type ?? 'broadcast',
    payload: payload ?? content ?? null,
    priority: priorityOf(priority),
  }
}
