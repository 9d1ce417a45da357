import { and, eq, isNotNull } from 'drizzle-orm'
import { placeholder, type Query, statement, type Transaction } from '../../store/store.ts'

const headsOf = statement(({ db, t, p, skipLocked }: Query<{ project: string; claimGroup: number; limit: number }>) =>
  skipLocked(
    db
      .select({ ord: t.tasks.ord, rank: t.tasks.rank })
      .from(t.tasks)
      .where(and(eq(t.tasks.projectId, p.project), eq(t.tasks.ready, p.claimGroup), isNotNull(t.tasks.ready)))
      .orderBy(t.tasks.rank, t.tasks.ord)
      .limit(placeholder('limit')),
  ).prepare(),
)

interface Head {
  readonly ord: number
  readonly rank: number
}

/** What is read of one route, in order. */
interface GroupHeads {
  readonly claimGroup: number
  heads: Head[]
  /** Whether any of them was parked: then there is more behind them than a claim has asked for. */
  parked: boolean
}

/** The tasks that can be claimed, of several routes, in the order of claims. */
export interface QueueHeads {
  /** The next; undefined when there is no more. */
  next(): Promise<number | undefined>
  /** The last one given was parked: it counts for nothing. */
  markParked(): void
}

const isBefore = (a: Head, b: Head): boolean => a.rank < b.rank || (a.rank === b.rank && a.ord < b.ord)

/** Read at once where what was read has been parked: it is seldom the only one that waits. */
const refillLimit = 16

/** Merges the heads of routes by rank and age, so that tasks an agent may not take cost nothing however many there are. */
export async function mergeHeads(
  tx: Transaction,
  {
    project,
    claimGroups,
    limit,
  }: { readonly project: string; readonly claimGroups: readonly number[]; readonly limit: number },
): Promise<QueueHeads> {
  const groupHeads: GroupHeads[] = []
  for (const claimGroup of claimGroups) {
    const heads = await tx.run(headsOf, { project, claimGroup, limit })
    if (heads.length > 0) groupHeads.push({ claimGroup, heads, parked: false })
  }
  let last: GroupHeads | undefined
  return {
    markParked: () => {
      if (last) last.parked = true
    },
    next: async () => {
      if (last?.parked && last.heads.length === 0) {
        last.heads = await tx.run(headsOf, {
          project,
          claimGroup: last.claimGroup,
          limit: Math.max(limit, refillLimit),
        })
        last.parked = false
      }
      last = undefined
      let first: Head | undefined
      for (const group of groupHeads) {
        const [head] = group.heads
        if (!head || (first && !isBefore(head, first))) continue
        first = head
        last = group
      }
      last?.heads.shift()
      return first?.ord
    },
  }
}
