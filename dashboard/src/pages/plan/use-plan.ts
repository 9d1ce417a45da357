import { useQuery } from '@tanstack/react-query'
import { useInvalidation } from '../../data/use-feed.ts'
import { useSession } from '../../session/session.ts'
import type { PlanSearch } from './search.ts'

const epicsKey = ['project', 'epics'] as const

/** The events that change the statuses or the edges of a tree. Progress is none of them. */
const planEvents = /^(task\.(?!progressed|locked)|plan\.|epic\.)/

/** Reads the epics of the project with their progress. */
export function useEpics() {
  const { client } = useSession()
  useInvalidation(epicsKey, planEvents, 5_000)
  return useQuery({ queryKey: epicsKey, queryFn: () => client.projects.get({}) })
}

/** Reads the tree of a task or of an epic with its dependencies. */
export function usePlan({ taskId, epic }: PlanSearch) {
  const { client } = useSession()
  const key = ['tasks', 'tree', { taskId, epic }] as const
  useInvalidation(key, planEvents, 2_000)
  return useQuery({
    queryKey: key,
    enabled: taskId !== undefined || epic !== undefined,
    queryFn: () => client.tasks.tree({ taskId, epic, depth: 10, dependencies: true }),
  })
}
