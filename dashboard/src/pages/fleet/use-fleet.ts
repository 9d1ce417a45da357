import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { AgentInfo, Client } from '@tony/mcp-client'
import { useEffect, useRef } from 'react'
import { startTimer } from '../../clock.ts'
import { useEvents } from '../../data/use-feed.ts'
import { useAgents } from '../../data/use-names.ts'
import { useSession } from '../../session/session.ts'
import { loadRunning, patchRunning, type Running, type RunningTask } from './running.ts'
import { knownTitles, rememberTitle, rememberTitles } from './titles.ts'

/** An agent and one of its tasks. An agent without a task has one row too. */
export interface FleetRow {
  readonly agent: AgentInfo
  readonly task: RunningTask | undefined
}

export const runningKey = ['tasks', 'running'] as const

/** Number of unknown titles that are read at a time, and the interval. */
const titleReads = { most: 10, everyMs: 500 } as const

/** Reads the titles that no event has told, some at a time. */
function useMissingTitles(running: Running | undefined, client: Client): void {
  const queries = useQueryClient()
  const isReading = useRef(false)
  useEffect(() => {
    const missing = [...(running?.values() ?? [])].filter(({ title }) => title === null).slice(0, titleReads.most)
    if (missing.length === 0 || isReading.current) return
    isReading.current = true
    const read = async () => {
      const tasks = await Promise.allSettled(missing.map(({ id }) => client.tasks.get({ taskId: id })))
      isReading.current = false
      for (const reply of tasks)
        if (reply.status === 'fulfilled') rememberTitle(reply.value.id, reply.value.title ?? reply.value.type)
      // Rows that are to be read again stay so: a change would count as a read.
      if (queries.getQueryState(runningKey)?.isInvalidated) return
      queries.setQueryData<Running>(runningKey, (rows) => rows && withTitles(rows))
    }
    startTimer(titleReads.everyMs, () => void read())
  })
}

/** A task whose title could not be read has its id in place of it. */
const withTitles = (running: Running): Running =>
  new Map([...running].map(([id, task]) => [id, { ...task, title: task.title ?? knownTitles.get(id) ?? null }]))

const ranks: Readonly<Record<AgentInfo['status'], number>> = { active: 0, draining: 1, idle: 2, offline: 3 }

/** Returns an agent with its status by its tasks: the list is older than the last events. */
function withCurrentStatus(agent: AgentInfo, held: number): AgentInfo {
  if (agent.status === 'idle' && held > 0) return activeOf(agent)
  return agent.status === 'active' && held === 0 ? idleOf(agent) : agent
}

/** Returns the same object for the same agent, so that its rows are not drawn again. */
function createVariant(status: AgentInfo['status']): (agent: AgentInfo) => AgentInfo {
  const variants = new WeakMap<AgentInfo, AgentInfo>()
  return (agent) => {
    const variant = variants.get(agent) ?? { ...agent, status }
    variants.set(agent, variant)
    return variant
  }
}
const activeOf = createVariant('active')
const idleOf = createVariant('idle')

function toRows(agents: readonly AgentInfo[], running: Running): FleetRow[] {
  const byAgent = Map.groupBy(running.values(), ({ agentId }) => agentId)
  const rows = agents.flatMap((listed): FleetRow[] => {
    const held = byAgent.get(listed.id) ?? []
    const agent = withCurrentStatus(listed, held.length)
    return held.length === 0 ? [{ agent, task: undefined }] : held.map((task) => ({ agent, task }))
  })
  return rows.toSorted(
    (a, b) => ranks[a.agent.status] - ranks[b.agent.status] || a.agent.name.localeCompare(b.agent.name),
  )
}

/** The fleet now: each agent with its tasks, kept up to date by the feed without a read. */
export function useFleet() {
  const { client, feed } = useSession()
  const queries = useQueryClient()
  const agents = useAgents()
  const running = useQuery({
    queryKey: runningKey,
    queryFn: async () => {
      const position = feed.position
      return patchRunning(await loadRunning(client), feed.eventsSince(position), knownTitles)
    },
  })
  useEvents((events) => {
    rememberTitles(events)
    queries.setQueryData<Running>(runningKey, (rows) => rows && patchRunning(rows, events, knownTitles))
  })
  useMissingTitles(running.data, client)
  const rows = agents.data && running.data ? toRows(agents.data.agents, running.data) : undefined
  return { rows, isTruncated: agents.data?.nextCursor != null, queries: [agents, running] as const }
}
