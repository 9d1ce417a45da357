import { useInfiniteQuery } from '@tanstack/react-query'
import { useInvalidation } from '../../data/use-feed.ts'
import { useSession } from '../../session/session.ts'
import type { MessageSearch } from './search.ts'

const pageSize = 50

/**
 * Reads messages newest first, or a thread oldest first, in pages. The acts on the dead letters of
 * an agent change the received ones, so the list has no others.
 */
export function useMessages({ thread, status, agent }: MessageSearch) {
  const { client } = useSession()
  const key = ['messages', 'list', { thread, status, agent }] as const
  const box = status === 'dead' && agent !== undefined ? 'in' : undefined
  useInvalidation(key, /^message\./, 1_000)
  return useInfiniteQuery({
    queryKey: key,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor }) =>
      thread === undefined
        ? client.messages.list({ status, agent, box, limit: pageSize, cursor })
        : client.messages.thread({ threadId: thread, limit: pageSize, cursor }),
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    // After an event the pages are read again, so that only few of them are kept.
    maxPages: 4,
    getPreviousPageParam: () => undefined,
  })
}
