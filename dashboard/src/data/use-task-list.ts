import { type QueryClient, useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import type { Client, FeedEvent, Task } from '@tony/mcp-client'
import { useEffectEvent, useLayoutEffect, useRef, useState } from 'react'
import { startTimer } from '../clock.ts'
import { useSession } from '../session/session.ts'
import type { LiveFeed } from './live-feed.ts'
import { patchTask } from './patch-task.ts'
import { hasGap, patchPages, placeTask, readSinceOf, type TaskFilters, type TaskPages } from './task-pages.ts'
import { useEvents } from './use-feed.ts'

/** Interval at which tasks that may belong to a list are read, and their number at a time. */
const entering = { everyMs: 300, most: 20 } as const

/** Shortest time between two reads of a list that tasks have left. */
const refillMs = 1_000

interface Reading {
  readonly client: Client
  readonly queries: QueryClient
  readonly feed: LiveFeed
}

/** Reads tasks, each with the events that arrived meanwhile. Unreadable ones are left out. */
async function readTasks({ client, feed }: Reading, ids: readonly string[]): Promise<Task[]> {
  const position = feed.position
  const replies = await Promise.allSettled(ids.map((taskId) => client.tasks.get({ taskId })))
  const events = feed.eventsSince(position)
  return replies.flatMap((reply) => {
    if (reply.status === 'rejected') return []
    return [events.filter(({ subject }) => subject === reply.value.id).reduce(patchTask, reply.value)]
  })
}

/**
 * Reads tasks that may belong to a list now, inserts the matching ones, and takes out the others.
 * Returns false if a read of the list is under way: its end would undo that.
 */
async function readEntering(
  reading: Reading,
  {
    key,
    filters,
    ids,
  }: { readonly key: readonly unknown[]; readonly filters: TaskFilters; readonly ids: readonly string[] },
): Promise<boolean> {
  const { queries } = reading
  const found = await readTasks(reading, ids)
  const state = queries.getQueryState(key)
  if (state?.fetchStatus === 'fetching') return false
  // A list that is to be read again stays so: a change would count as a read.
  if (!state?.isInvalidated)
    queries.setQueryData<TaskPages>(key, (pages) =>
      found.reduce((placed, task) => placed && placeTask(placed, task, filters), pages),
    )
  return true
}

interface EnteringOptions {
  /** Reads some tasks. Resolves to false if they are to be read later. */
  readonly read: (ids: readonly string[]) => Promise<boolean>
  /** Called with the number of unread tasks. */
  readonly onMissed: (count: number) => void
}

/** Collects ids, and hands out a bounded number of them at each interval. */
function useEntering({ read, onMissed }: EnteringOptions) {
  const waiting = useRef(new Set<string>())
  const isTimed = useRef(false)
  const add = (ids: readonly string[]) => {
    for (const id of ids) waiting.current.add(id)
    if (waiting.current.size === 0 || isTimed.current) return
    isTimed.current = true
    const hand = async () => {
      isTimed.current = false
      const all = [...waiting.current]
      waiting.current.clear()
      if (all.length > entering.most) onMissed(all.length - entering.most)
      const some = all.slice(0, entering.most)
      if (!(await read(some))) add(some)
    }
    startTimer(entering.everyMs, () => void hand())
  }
  return add
}

/**
 * Reads the tasks of a filter in pages, and keeps the pages that were read up to date by the feed.
 * The pages of a read get the events that arrived while it was under way, also the older pages,
 * which a read of the next one gives back as they were at its start.
 */
export function useTaskList(filters: TaskFilters, limit: number, onGap?: (key: readonly unknown[]) => void) {
  const { client, feed } = useSession()
  const queries = useQueryClient()
  const [missed, setMissed] = useState(0)
  const key = ['tasks', 'list', filters, limit] as const
  const query = useInfiniteQuery({
    queryKey: key,
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => {
      const readSince = feed.position
      return { ...(await client.tasks.list({ ...filters, limit, cursor: pageParam })), readSince }
    },
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  })
  const add = useEntering({
    read: (ids) => readEntering({ client, queries, feed }, { key, filters, ids }),
    onMissed: (count) => (onGap ? onGap(key) : setMissed((before) => before + count)),
  })
  const apply = (events: readonly FeedEvent[]) => {
    const pages = queries.getQueryData<TaskPages>(key)
    if (!pages) return
    const since = readSinceOf(pages)
    const patched = patchPages(pages, since === undefined ? events : feed.eventsSince(since), filters)
    if (patched.pages !== pages) queries.setQueryData(key, patched.pages)
    if (hasGap(pages, patched.pages)) onGap?.(key)
    add(patched.entering)
  }
  useEvents(apply)
  const settle = useEffectEvent(() => apply([]))
  useLayoutEffect(() => {
    if (query.data) settle()
  }, [query.data])
  const tasks = query.data?.pages.flatMap((page) => page.tasks)
  const readAgain = () => {
    setMissed(0)
    void queries.resetQueries({ queryKey: key, exact: true })
  }
  return { query, tasks, missed, readAgain }
}

/** Reads the oldest tasks of a filter, at most `limit`: others follow as some of them leave. */
export function useOldestTasks(filters: TaskFilters, limit: number) {
  const { feed } = useSession()
  const { query, tasks } = useTaskList(filters, limit, (key) => feed.invalidate(key, refillMs))
  return { query, tasks: tasks?.slice(0, limit), hasMore: query.hasNextPage || (tasks?.length ?? 0) > limit }
}
