import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Client, FeedEvent, Task } from '@tony/mcp-client'
import { queueChanges } from '../../data/event-kinds.ts'
import { patchTask } from '../../data/patch-task.ts'
import { useEvents, useInvalidation } from '../../data/use-feed.ts'
import { useSession } from '../../session/session.ts'

export type Explanation = Awaited<ReturnType<Client['tasks']['explain']>>

/** Shortest time between two reads of one task, however many events it has. */
const taskReadMs = 500
const explanationReadMs = 3_000

export const taskKeyOf = (taskId: string) => ['tasks', 'get', taskId] as const

/** Reads a task, patches it with each event about it, and reads the fields that no event has. */
export function useTask(taskId: string) {
  const { client, feed } = useSession()
  const queries = useQueryClient()
  const key = taskKeyOf(taskId)
  useEvents((events) => {
    const own = events.filter(({ subject }) => subject === taskId)
    if (own.length === 0) return
    queries.setQueryData<Task>(key, (task) => task && own.reduce(patchTask, task))
    feed.invalidate(key, taskReadMs)
  })
  return useQuery({ queryKey: key, queryFn: () => client.tasks.get({ taskId }) })
}

/** Reads why a task is not running, again after events that may change the reasons. */
export function useExplanation(taskId: string, isWaiting: boolean) {
  const { client } = useSession()
  const key = ['tasks', 'explain', taskId] as const
  useInvalidation(key, queueChanges, explanationReadMs)
  return useQuery({ queryKey: key, queryFn: () => client.tasks.explain({ taskId }), enabled: isWaiting })
}

/** Number of events of one read. */
const pageSize = 200

/** Reads the events of a task from the first one, and appends each new one. */
export function useHistory(taskId: string) {
  const { client } = useSession()
  const queries = useQueryClient()
  const key = ['events', 'task', taskId] as const
  const liveKey = ['events', 'live', taskId] as const
  const query = useInfiniteQuery({
    queryKey: key,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => client.events.list({ taskId, limit: pageSize, cursor: pageParam }),
    getNextPageParam: ({ more, cursor }) => (more ? cursor : undefined),
  })
  const { data: live = [] } = useQuery<readonly FeedEvent[]>({ queryKey: liveKey, queryFn: () => [] })
  useEvents((events) => {
    const own = events.filter(({ subject }) => subject === taskId)
    if (own.length > 0)
      queries.setQueryData<readonly FeedEvent[]>(liveKey, (known = []) => [...known, ...own].slice(-pageSize))
  })
  const read = query.data?.pages.flatMap(({ events }) => events) ?? []
  const lastSeq = read.at(-1)?.seq ?? 0
  return { query, events: [...read, ...live.filter(({ seq }) => seq > lastSeq)] }
}
