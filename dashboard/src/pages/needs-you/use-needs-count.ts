import { useQuery } from '@tanstack/react-query'
import { changesNeeds } from '../../data/event-kinds.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useCan, useSession } from '../../session/session.ts'

/** The number of tasks of each status and of dead letters, for all that show one of them. */
export const metricsKey = ['metrics'] as const

/** Returns the number of questions, reviews and visible dead letters that wait for a person. */
export function useNeedsCount(): number {
  const { client } = useSession()
  useInvalidation([...metricsKey, 'needs'], changesNeeds, 2_000)
  const { data } = useQuery({ queryKey: [...metricsKey, 'needs'], queryFn: () => client.system.metrics({}) })
  const canReadLetters = useCan()('dead_letters:write')
  if (!data) return 0
  const { byStatus } = data.tasks
  return (byStatus['input_required'] ?? 0) + (byStatus['in_review'] ?? 0) + (canReadLetters ? data.messages.dead : 0)
}
