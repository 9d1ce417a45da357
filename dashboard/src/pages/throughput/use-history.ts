import { useQuery } from '@tanstack/react-query'
import type { Api } from '@tony/mcp-client'
import { useSession } from '../../session/session.ts'

export type History = Awaited<ReturnType<Api['system']['history']>>
export type HistoryRange = History['range']

/** Interval of reads. A step of the history is no event, so the feed does not tell it. */
const readEveryMs: Readonly<Record<HistoryRange, number>> = { '1h': 30_000, '24h': 60_000, '7d': 600_000 }

/** Reads the history of a range, and again while a page shows it. */
export function useHistory(range: HistoryRange) {
  const { client } = useSession()
  return useQuery({
    queryKey: ['history', range],
    queryFn: () => client.system.history({ range }),
    refetchInterval: readEveryMs[range],
  })
}
