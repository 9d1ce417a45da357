import type { taskClaimInput, taskClaimOutput } from '@tony/mcp-shared/leases'
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Context, Replay } from '../context.ts'
import { attemptTimeout } from '../leases/waiting.ts'
import { type Principal, requireAgent } from '../principal.ts'
import { isWord } from '../store/literals.ts'
import { placeholder, type Query, statement, type Transaction } from '../store/store.ts'
import { blockUntil } from '../waiting.ts'
import { type LeasedTask, presentLease } from './present.ts'
import type { Claimant } from './queue.ts'
import { routesOf } from './routes.ts'

const heads = statement(({ db, t, p, skipLocked }: Query<{ project: string; route: number; limit: number }>) =>
  skipLocked(
    db
      .select({ ord: t.tasks.ord, rank: t.tasks.rank })
      .from(t.tasks)
      .where(and(eq(t.tasks.projectId, p.project), eq(t.tasks.ready, p.route), isNotNull(t.tasks.ready)))
      .orderBy(t.tasks.rank, t.tasks.ord)
      .limit(placeholder('limit')),
  ).prepare(),
)

const peek = statement(({ db, t, p, locked }: Query<{ ord: number }>) =>
  locked(
    db
      .select({ id: t.tasks.id, attempt: t.tasks.attempt })
      .from(t.tasks)
      .where(and(eq(t.tasks.ord, p.ord), isNotNull(t.tasks.ready))),
  ).prepare(),
)

interface Taking {
  ord: number
  now: number
  agentId: string
  incarnation: number
  leaseToken: string
  leaseMs: number
  leaseExpiresAt: number
}

const take = statement(({ db, t, p }: Query<Taking>) =>
  db
    .update(t.tasks)
    .set({
      status: 'in_progress',
      ready: null,
      notBefore: null,
      agentId: p.agentId,
      incarnation: p.incarnation,
      leaseToken: p.leaseToken,
      leaseMs: p.leaseMs,
      leaseExpiresAt: p.leaseExpiresAt,
      unlistedBeats: 0,
      timeoutAt: attemptTimeout(t, p.now),
      attempt: sql`${t.tasks.attempt} + 1`,
      revision: sql`${t.tasks.revision} + 1`,
    })
    .where(and(eq(t.tasks.ord, p.ord), isNotNull(t.tasks.ready)))
    .returning()
    .prepare(),
)

export const claimantOf = (principal: Principal): Claimant => ({
  project: principal.project,
  agentId: requireAgent(principal).id,
  capabilities: new Set(principal.capabilities),
})

/** Who claims, and what signs the lease. */
export type Claiming = Pick<Context, 'principal' | 'leaseTokens'>

/** How much a claim asks for. */
export interface Wanted {
  readonly limit: number
  readonly leaseMs: number
}

/**
 * Takes up to `limit` tasks under a lease: one winner for each. The heads of the routes the agent may take are merged by
 * priority and age, so that tasks it may not take cost nothing however many there are.
 */
export async function claimIn(tx: Transaction, ctx: Claiming, { limit, leaseMs }: Wanted): Promise<LeasedTask[]> {
  const { project } = ctx.principal
  const candidates: { ord: number; rank: number }[] = []
  for (const route of await routesOf(tx, claimantOf(ctx.principal))) {
    candidates.push(...(await tx.run(heads, { project, route, limit })))
  }
  candidates.sort((a, b) => a.rank - b.rank || a.ord - b.ord)
  const claimed: LeasedTask[] = []
  for (const { ord } of candidates.slice(0, limit)) {
    const task = await takeIn(tx, ctx, ord, leaseMs)
    if (task) claimed.push(task)
  }
  return claimed
}

/** Takes one task under a lease; undefined when it can no longer be claimed. */
async function takeIn(tx: Transaction, ctx: Claiming, ord: number, leaseMs: number): Promise<LeasedTask | undefined> {
  const agent = requireAgent(ctx.principal)
  const [next] = await tx.run(peek, { ord })
  if (!next) return undefined
  const leaseToken = ctx.leaseTokens.mint({ taskId: next.id, agentId: agent.id }, next.attempt + 1)
  const leaseExpiresAt = tx.now + leaseMs
  const { id: agentId, incarnation } = agent
  const [row] = await tx.run(take, { ord, agentId, incarnation, leaseToken, leaseMs, leaseExpiresAt, now: tx.now })
  if (!row) return undefined
  const task = await presentLease(tx, row)
  const data = { attempt: row.attempt, agentId, leaseExpiresAt: task.leaseExpiresAt }
  tx.append({ type: 'task.claimed', subject: row.id, actor: agentId, taskId: row.id, epic: row.epic, data })
  return task
}

const keptClaims = z.array(z.object({ id: z.string(), attempt: z.int() }))

const findLease = statement(({ db, t, p }: Query<{ id: string; attempt: number }>) =>
  db
    .select()
    .from(t.tasks)
    .where(and(eq(t.tasks.id, p.id), eq(t.tasks.attempt, p.attempt), isWord(t.tasks.status, 'in_progress')))
    .prepare(),
)

/** What a claim took; `replayed` when its key had been answered before. */
export interface Claimed {
  readonly tasks: LeasedTask[]
  readonly replayed?: boolean
}

/** A repeated claim finds its leases again, as far as they are still held. Their tokens are not kept a second time. */
export const replayClaim: Replay<Claimed> = {
  keep: ({ tasks }) => (tasks.length === 0 ? undefined : tasks.map(({ id, attempt }) => ({ id, attempt }))),
  find: async (tx, kept) => {
    const tasks: LeasedTask[] = []
    for (const lease of keptClaims.parse(kept)) {
      for (const row of await tx.run(findLease, lease)) tasks.push(await presentLease(tx, row))
    }
    return { tasks, replayed: true }
  },
}

/** `tasks.claim`: at once, or as soon as there is work within `waitMs`. */
export async function claimTasks(
  ctx: Context,
  input: z.output<typeof taskClaimInput>,
): Promise<z.output<typeof taskClaimOutput>> {
  const claim = () => ctx.transact<Claimed>(async (tx) => ({ tasks: await claimIn(tx, ctx, input) }), replayClaim)
  const { tasks } = input.waitMs === 0 ? await claim() : await waitForWork(ctx, input.waitMs, claim)
  return { tasks }
}

/** Tries a claim until it takes something, each time there may be work for this agent, for `waitMs` at most. */
export function waitForWork(ctx: Context, waitMs: number, claim: () => Promise<Claimed>): Promise<Claimed> {
  return blockUntil({
    ctx,
    waitMs,
    watch: (ring) => ctx.queue.enter(claimantOf(ctx.principal), ring),
    attempt: claim,
    // A key that has been answered takes nothing new, whatever became of its lease.
    found: ({ tasks, replayed = false }) => tasks.length > 0 || replayed,
  })
}
