import { useInfiniteQuery } from '@tanstack/react-query'
import type { Api } from '@tony/mcp-client'
import { lockChanges } from '../../data/event-kinds.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useSession } from '../../session/session.ts'

export type LockList = Awaited<ReturnType<Api['locks']['list']>>
export type LockHolder = LockList['locks'][number]['holder']
export type LockQueue = Pick<LockList['locks'][number], 'waiting' | 'waiters'>

export const locksKey = ['locks', 'list'] as const

/** Reads the locks in pages, and reads them again after an event that may take or release one. */
export function useLocks() {
  const { client } = useSession()
  useInvalidation(locksKey, lockChanges, 2_000)
  return useInfiniteQuery({
    queryKey: locksKey,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor }) => client.locks.list({ cursor }),
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  })
}
