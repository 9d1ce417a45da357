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

/** The rows read from one claim group, in order. */
interface GroupHeads {
  readonly claimGroup: number
  heads: Head[]
  /** True if one of them was parked: the group may then have more rows than the claim has read. */
  parked: boolean
}

/** The claimable tasks of several claim groups, in the order of claims. */
export interface QueueHeads {
  /** Returns the `ord` of the next task; undefined at the end. */
  next(): Promise<number | undefined>
  /** Marks the task returned last as parked, so that it does not count. */
  markParked(): void
}

const isBefore = (a: Head, b: Head): boolean => a.rank < b.rank || (a.rank === b.rank && a.ord < b.ord)

/** The number of rows to read after parked ones: a parked task is seldom the only one. */
const refillLimit = 16

/**
 * Merges the queue heads of claim groups by rank and age. Tasks that an agent may not take cost
 * nothing, in any number.
 */
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
