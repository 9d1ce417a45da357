import { and, eq, isNotNull } from 'drizzle-orm'
import { placeholder, type StatementParts, statement, type Transaction } from '../../store/store.ts'

/**
 * Reads the first ready tasks of a claim group, with every field that a claim needs: to read the
 * fields of one task later would cost a round trip with PostgreSQL. The rows stay locked until the
 * commit, so the fields do not change.
 */
const findQueueHeads = statement(
  ({ db, t, p, skipLocked }: StatementParts<{ project: string; claimGroup: number; limit: number }>) =>
    skipLocked(
      db
        .select({
          ord: t.tasks.ord,
          rank: t.tasks.rank,
          id: t.tasks.id,
          attempt: t.tasks.attempt,
          epic: t.tasks.epic,
          locks: t.tasks.locks,
        })
        .from(t.tasks)
        .where(and(eq(t.tasks.projectId, p.project), eq(t.tasks.ready, p.claimGroup), isNotNull(t.tasks.ready)))
        .orderBy(t.tasks.rank, t.tasks.ord)
        .limit(placeholder('limit')),
    ).prepare(),
)

/** A claimable task with the fields that decide about its lease. */
export interface QueueHead {
  readonly ord: number
  readonly rank: number
  readonly id: string
  readonly attempt: number
  readonly epic: string | null
  /** A JSON list; null for none. */
  readonly locks: string | null
}

const isBefore = (a: QueueHead, b: QueueHead): boolean => a.rank < b.rank || (a.rank === b.rank && a.ord < b.ord)

/** The number of rows to read after parked ones: a parked task is seldom the only one. */
const refillLimit = 16

/** Bound of the rows that the claims of a batch read at once. */
const readLimit = 512

/** The claims of a batch that run at the same time. A claim that runs alone is the only one. */
export interface ParallelClaims {
  /** The number of tasks that they want together. */
  wanted: number
  /** The number of tasks that claims have taken from the queue and may put back. */
  surplus: number
  /** Resolves when the last one of them that takes tasks has taken them. */
  taken: Promise<void>
}

/** Adds a claim of up to `limit` tasks to the claims that run at the same time. */
export function joinClaims(tx: Transaction, limit: number): ParallelClaims {
  const claims = tx.share('claims', () => ({ wanted: 0, surplus: 0, taken: Promise.resolve() }))
  claims.wanted += limit
  return claims
}

interface GroupHeadsOptions {
  readonly project: string
  readonly claimGroup: number
  readonly claims: ParallelClaims
}

/** The rows read from one claim group, in order. Claims that run at the same time share them. */
class GroupHeads {
  readonly #options: GroupHeadsOptions
  #heads: QueueHead[] = []
  /** Rows that claims have taken. The statement that changes such a row may not have run yet. */
  readonly #taken = new Set<number>()
  #hasMore = true
  #isFirstRead = true
  #reading: Promise<void> | undefined

  constructor(options: GroupHeadsOptions) {
    this.#options = options
  }

  get first(): QueueHead | undefined {
    return this.#heads[0]
  }

  /** True if the claims have taken all rows that were read, and there may be others. */
  get needsRead(): boolean {
    return this.#heads.length === 0 && this.#hasMore
  }

  fill(tx: Transaction): Promise<void> {
    this.#reading ??= this.#read(tx).finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  take(): void {
    const head = this.#heads.shift()
    if (head) this.#taken.add(head.ord)
  }

  /** Forgets a row that is in the queue no more. */
  forget({ ord }: QueueHead): void {
    this.#taken.delete(ord)
  }

  putBack(head: QueueHead): void {
    this.forget(head)
    this.#heads.unshift(head)
  }

  async #read(tx: Transaction): Promise<void> {
    const { project, claimGroup, claims } = this.#options
    const wanted = Math.min(claims.wanted, readLimit)
    const limit = this.#isFirstRead ? wanted : Math.max(wanted, refillLimit) + this.#taken.size
    this.#isFirstRead = false
    const rows = await tx.run(findQueueHeads, { project, claimGroup, limit })
    this.#heads = rows.filter(({ ord }) => !this.#taken.has(ord))
    this.#hasMore = rows.length === limit
  }
}

/** The claimable tasks of several claim groups, in the order of claims. */
export interface MergedQueueHeads {
  /** Returns the next task; undefined at the end. Takes `wanted` ones at a time. */
  next(wanted: number): Promise<QueueHead | undefined>
  /** Notes that the task returned last was parked. */
  markParked(): void
  /** Leaves the task returned last, and the rest of its read, to other claims. */
  putBack(): void
}

interface FirstHead {
  readonly heads: GroupHeads
  readonly head: QueueHead
}

function firstHeadOf(groups: readonly GroupHeads[]): FirstHead | undefined {
  let first: FirstHead | undefined
  for (const heads of groups) {
    const head = heads.first
    if (head && (!first || isBefore(head, first.head))) first = { heads, head }
  }
  return first
}

interface MergeOptions {
  readonly project: string
  readonly claimGroups: readonly number[]
  readonly claims: ParallelClaims
}

/** Returns the heads of the claim groups, which the claims of a batch share. */
const groupHeadsOf = (tx: Transaction, { project, claimGroups, claims }: MergeOptions): readonly GroupHeads[] =>
  claimGroups.map((claimGroup) =>
    tx.share(`heads ${claimGroup}`, () => new GroupHeads({ project, claimGroup, claims })),
  )

/**
 * Merges the queue heads of claim groups by rank and age. Tasks that an agent may not take cost
 * nothing, in any number.
 */
export function mergeHeads(tx: Transaction, options: MergeOptions): MergedQueueHeads {
  const groups = groupHeadsOf(tx, options)
  // Those of one claim are taken in one turn: other claims of the batch would take turns with it.
  let left: FirstHead[] = []
  let last: FirstHead | undefined
  // Sent together: with PostgreSQL the queries share one round trip.
  const fill = () => Promise.all(groups.map((heads) => (heads.needsRead ? heads.fill(tx) : undefined)))
  const take = async (wanted: number) => {
    const taken: FirstHead[] = []
    while (taken.length < wanted) {
      // Another claim may have taken all rows of a read.
      while (groups.some(({ needsRead }) => needsRead)) await fill()
      const first = firstHeadOf(groups)
      if (!first) break
      first.heads.take()
      taken.push(first)
    }
    return taken
  }
  const takeInOrder = async (wanted: number) => {
    const before = options.claims.taken
    const { promise, resolve } = Promise.withResolvers<void>()
    options.claims.taken = promise
    try {
      await Promise.all([before, fill()])
      const taken = await take(wanted)
      options.claims.surplus += taken.length
      return taken
    } finally {
      resolve()
    }
  }
  return {
    next: async (wanted) => {
      if (left.length === 0) left = await takeInOrder(wanted)
      last = left.shift()
      if (last) options.claims.surplus -= 1
      return last?.head
    },
    markParked: () => {
      last?.heads.forget(last.head)
      last = undefined
    },
    putBack: () => {
      options.claims.surplus -= left.length
      for (const { heads, head } of [...(last ? [last] : []), ...left].reverse()) heads.putBack(head)
      left = []
    },
  }
}
