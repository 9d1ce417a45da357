import { QueryClient } from '@tanstack/react-query'

/**
 * Creates the cache of a session. Nothing in it is fetched again by itself: the feed tells the
 * changes. The client repeats calls, so the cache does not.
 */
export const createQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: Number.POSITIVE_INFINITY,
        gcTime: 60_000,
        retry: false,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        networkMode: 'always',
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  })
