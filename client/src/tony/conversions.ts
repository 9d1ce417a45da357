import { isRecord } from '../api/is-record.ts'
import type { AgentInfo as WireAgent } from '../generated/api.ts'
import type { AgentInfo, AgentMessage, TonyTask } from './shapes.ts'

const priorities = ['critical', 'urgent', 'high', 'normal', 'medium', 'low'] as const

type WirePriority = (typeof priorities)[number]

/**
 * Returns the server's word for a priority of Tony, its tools or Plane. Unknown words are `normal`.
 */
export function priorityOf(word: unknown): WirePriority {
  const known = typeof word === 'string' ? priorities.find((priority) => priority === word.toLowerCase()) : undefined
  return known ?? (word === 'none' ? 'low' : 'normal')
}

const tonyStatuses = { idle: 'idle', active: 'active', draining: 'busy', offline: 'offline' } as const

/** Returns the word of Tony 2.8 for an agent status. */
export const tonyStatusOf = (status: WireAgent['status']): string => tonyStatuses[status]

/** Converts an agent to the form of Tony 2.8. */
export const toAgentInfo = ({
  paused: _,
  incarnation: __,
  role: ___,
  lastActivityAt,
  status,
  ...agent
}: WireAgent): AgentInfo => ({
  ...agent,
  agentId: agent.id,
  status: tonyStatusOf(status),
  lastActivity: lastActivityAt,
})

const maxLengths = { type: 200, epic: 200, story: 200, title: 1_000, description: 65_536 }

/** Returns the fields of a task that the server has too, without values beyond its limits. */
function taskFieldsOf(task: TonyTask): Partial<Record<keyof typeof maxLengths, string>> {
  const entries = Object.entries(maxLengths).flatMap(([field, limit]) => {
    const value = task[field]
    return typeof value === 'string' && value.length > 0 && value.length <= limit ? [[field, value]] : []
  })
  return Object.fromEntries(entries)
}

/** Converts a task of Tony 2.8 for the server. Keys that are no field there become metadata. */
export function toServerTask(task: TonyTask) {
  const fields = taskFieldsOf(task)
  const { priority, ...others } = task
  const extraFields = Object.entries(others).filter(([key]) => !Object.hasOwn(fields, key))
  // An object under `metadata` is merged with the other keys. Any other value stays under that key.
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

/** Converts a message of Tony 2.8 for the server. */
export function toServerMessage({ to, type, content, payload, priority }: AgentMessage) {
  return {
    to: to === undefined || to === 'all' ? '*' : to,
    type: type ?? 'broadcast',
    payload: payload ?? content ?? null,
    priority: priorityOf(priority),
  }
}
