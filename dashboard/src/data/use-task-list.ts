import { type QueryClient, useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import type { Client } from '@tony/mcp-client'
import { useEffect, useRef, useState } from 'react'
import { startTimer } from '../clock.ts'
import { useSession } from '../session/session.ts'
import { insertTask, isMatch, patchPages, type TaskFilters, type TaskPages } from './task-pages.ts'
import { useEvents } from './use-feed.ts'

/** Interval at which tasks that may belong to a list are read, and their number at a time. */
const entering = { everyMs: 300, most: 20 } as const

/** Reads tasks that may belong to a list now, and inserts the matching ones. */
async function readEntering(
  { client, queries }: { readonly client: Client; readonly queries: QueryClient },
  {
    key,
    filters,
    ids,
  }: { readonly key: readonly unknown[]; readonly filters: TaskFilters; readonly ids: readonly string[] },
): Promise<void> {
  const replies = await Promise.allSettled(ids.map((taskId) => client.tasks.get({ taskId })))
  const found = replies.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value] : []))
  queries.setQueryData<TaskPages>(
    key,
    (pages) => pages && found.filter((task) => isMatch(task, filters)).reduce(insertTask, pages),
  )
}

/**
 * Collects ids and hands out a bounded number of them at each interval. The number of ids beyond it
 * is `missed`, until the list is read again.
 */
function useEntering(read: (ids: readonly string[]) => void) {
  const waiting = useRef(new Set<string>())
  const cancel = useRef<(() => void) | undefined>(undefined)
  const [missed, setMissed] = useState(0)
  useEffect(() => () => cancel.current?.(), [])
  const add = (ids: readonly string[]) => {
    for (const id of ids) waiting.current.add(id)
    if (waiting.current.size === 0 || cancel.current) return
    cancel.current = startTimer(entering.everyMs, () => {
      cancel.current = undefined
      const all = [...waiting.current]
      waiting.current.clear()
      if (all.length > entering.most) setMissed((count) => count + all.length - entering.most)
      read(all.slice(0, entering.most))
    })
  }
  return { add, missed, forgetMissed: () => setMissed(0) }
}

/**
 * Reads the tasks of a filter in pages, and keeps the pages that were read up to date by the feed.
 * A page that was under way while events arrived gets them applied too.
 */
export function useTaskList(filters: TaskFilters, limit: number) {
  const { client, feed } = useSession()
  const queries = useQueryClient()
  const key = ['tasks', 'list', filters, limit] as const
  const query = useInfiniteQuery({
    queryKey: key,
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => {
      const position = feed.position
      const page = await client.tasks.list({ ...filters, limit, cursor: pageParam })
      const pages = { pages: [page], pageParams: [pageParam] }
      return patchPages(pages, feed.eventsSince(position), filters).pages.pages[0] ?? page
    },
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  })
  const { add, missed, forgetMissed } = useEntering(
    (ids) => void readEntering({ client, queries }, { key, filters, ids }),
  )
  useEvents((events) => {
    const pages = queries.getQueryData<TaskPages>(key)
    if (!pages) return
    const patched = patchPages(pages, events, filters)
    if (patched.pages !== pages) queries.setQueryData(key, patched.pages)
    add(patched.entering)
  })
  const tasks = query.data?.pages.flatMap((page) => page.tasks)
  const readAgain = () => {
    forgetMissed()
    void queries.resetQueries({ queryKey: key, exact: true })
  }
  return { query, tasks, missed, readAgain }
}
