import { useQuery } from '@tanstack/react-query'
import { useInvalidation } from '../../data/use-feed.ts'
import { useCan, useSession } from '../../session/session.ts'

export const metricsKey = ['metrics'] as const

/** Events after which another number of questions, reviews or dead letters may wait. */
const changes = /^(task\.(input_|submitted|rejected|cancelled|timed_out|failed)|message\.(dead|redriven|purged))/

/** Returns the number of questions, reviews and visible dead letters that wait for a person. */
export function useNeedsCount(): number {
  const { client } = useSession()
  useInvalidation(metricsKey, changes, 2_000)
  const { data } = useQuery({ queryKey: metricsKey, queryFn: () => client.system.metrics({}) })
  const canReadLetters = useCan()('dead_letters:write')
  if (!data) return 0
  const { byStatus } = data.tasks
  return (byStatus['input_required'] ?? 0) + (byStatus['in_review'] ?? 0) + (canReadLetters ? data.messages.dead : 0)
}
