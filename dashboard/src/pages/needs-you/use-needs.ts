import { useQuery } from '@tanstack/react-query'
import type { DeadLetter, Task } from '@tony/mcp-client'
import { deadLetterChanges, queueChanges } from '../../data/event-kinds.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useOldestTasks } from '../../data/use-task-list.ts'
import { useCan, useSession } from '../../session/session.ts'
import { loadStuckTasks, type StuckTask } from './stuck-tasks.ts'

/** One thing that waits for a person, since `at`. */
export type Need =
  | { readonly kind: 'question' | 'review'; readonly id: string; readonly at: string; readonly task: Task }
  | { readonly kind: 'dead_letter'; readonly id: string; readonly at: string; readonly letter: DeadLetter }
  | ({ readonly kind: 'stuck'; readonly id: string; readonly at: string } & StuckTask)

export type NeedKind = Need['kind']

/** Number of entries of each kind that the page has at most: the oldest ones. */
const limit = 50

/** Shortest time between two reads of the stuck tasks. */
const stuckReadMs = 10_000

export const deadLettersKey = ['deadLetters', 'list'] as const
export const stuckKey = ['tasks', 'stuck'] as const

const toTaskNeed = (kind: 'question' | 'review', task: Task): Need => ({
  kind,
  id: task.id,
  at: task.inputRequest?.at ?? task.createdAt,
  task,
})

function countByKind(needs: readonly Need[]): Readonly<Record<NeedKind, number>> {
  const counts = { question: 0, review: 0, dead_letter: 0, stuck: 0 }
  for (const { kind } of needs) counts[kind] += 1
  return counts
}

/** Reads what waits for a person and keeps it up to date by the feed. */
export function useNeeds() {
  const { client } = useSession()
  const questions = useOldestTasks({ status: 'input_required' }, limit)
  const reviews = useOldestTasks({ status: 'in_review' }, limit)
  const canReadLetters = useCan()('dead_letters:write')
  useInvalidation(deadLettersKey, deadLetterChanges, 500)
  const letters = useQuery({
    queryKey: [...deadLettersKey, limit],
    queryFn: () => client.messages.deadLetters.list({ limit }),
    enabled: canReadLetters,
  })
  useInvalidation(stuckKey, queueChanges, stuckReadMs)
  const stuck = useQuery({ queryKey: stuckKey, queryFn: () => loadStuckTasks(client) })
  const needs: Need[] = [
    ...(questions.tasks ?? []).map((task) => toTaskNeed('question', task)),
    ...(reviews.tasks ?? []).map((task) => toTaskNeed('review', task)),
    ...(letters.data?.deadLetters ?? []).map(
      (letter): Need => ({ kind: 'dead_letter', id: letter.id, at: letter.endedAt ?? letter.sentAt, letter }),
    ),
    ...(stuck.data ?? []).map((one): Need => ({ kind: 'stuck', id: one.task.id, at: one.task.createdAt, ...one })),
  ]
  const queries = [questions.query, reviews.query, letters, stuck]
  return {
    needs: needs.toSorted((a, b) => a.at.localeCompare(b.at)),
    counts: countByKind(needs),
    errors: queries.flatMap(({ error }) => (error ? [error] : [])),
    isPending: queries.some((query) => query.isLoading),
    hasMore: questions.hasMore || reviews.hasMore || letters.data?.nextCursor != null,
  }
}
