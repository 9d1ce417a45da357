import type { taskClaimInput, taskClaimOutput } from '@tony/mcp-shared/leases'
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Gate, gateOf } from '../../domain/agents/admission.ts'
import { blockUntil } from '../../domain/blocking.ts'
import type { Context, Replay } from '../../domain/context.ts'
import { requireAgent } from '../../domain/principal.ts'
import { obstacleTo } from '../../domain/tasks/blocker.ts'
import { insertLocks } from '../../domain/tasks/locks.ts'
import { park } from '../../domain/tasks/parking.ts'
import type { Claimant, Place, Standing } from '../../domain/tasks/claim-queue.ts'
import { attemptTimeout } from '../../domain/tasks/queue-columns.ts'
import { isWord } from '../../store/sql-literals.ts'
import { type Query, statement, type Transaction } from '../../store/store.ts'
import { mergeHeads } from './queue-heads.ts'
import { type LeasedTask, presentLease } from './serialize.ts'

const peek = statement(({ db, t, p, locked }: Query<{ ord: number }>) =>
  locked(
    db
      .select({ id: t.tasks.id, attempt: t.tasks.attempt, epic: t.tasks.epic, locks: t.tasks.locks })
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
  heldLocks: number
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
      heldLocks: p.heldLocks,
      timeoutAt: attemptTimeout(t, p.now),
      attempt: sql`${t.tasks.attempt} + 1`,
      revision: sql`${t.tasks.revision} + 1`,
    })
    .where(and(eq(t.tasks.ord, p.ord), isNotNull(t.tasks.ready)))
    .returning()
    .prepare(),
)

/** Who claims, what signs the lease, and the routes at hand. */
export type Claiming = Pick<Context, 'principal' | 'leaseTokens' | 'routes'>

/** How much a claim asks for. */
export interface Wanted {
  readonly limit: number
  readonly leaseMs: number
}

/** What a claim took. */
export interface Claimed {
  readonly tasks: LeasedTask[]
  /** As it found its agent. */
  readonly standing?: Standing
  /** How many routes its project has. */
  readonly routes?: number
  /** It has parked as many as one transaction may, and there may be others behind them. */
  readonly more?: boolean
  /** Its key had been answered before. */
  readonly replayed?: boolean
}

/** Parked in one transaction, so that it does not hold others up. */
const parkingLimit = 64

/**
 * Takes up to `limit` tasks under a lease: one winner for each. What its agent may take is read off its row, not its token. A
 * task in whose way a held lock or a paused epic is, is parked, and the claim goes on to the next.
 */
export async function claimIn(tx: Transaction, ctx: Claiming, { limit, leaseMs }: Wanted): Promise<Claimed> {
  const { project } = ctx.principal
  const { id: agentId } = requireAgent(ctx.principal)
  const gate = await gateOf(tx, agentId)
  if (gate.paused || gate.draining) return { tasks: [], standing: 'closed' }
  const standing: Claimant = { project, agentId, capabilities: new Set(JSON.parse(gate.capabilities)) }
  const found = { standing, routes: gate.routes }
  const heads = await mergeHeads(tx, { project, routes: await ctx.routes.of(tx, standing, gate), limit })
  const tasks: LeasedTask[] = []
  let parked = 0
  while (tasks.length < limit) {
    const ord = await heads.next()
    if (ord === undefined) break
    const task = await takeIn(tx, ctx, { ord, leaseMs, gate })
    if (task === 'parked') {
      heads.passOver()
      parked += 1
      if (parked === parkingLimit) return { ...found, tasks, more: true }
    } else if (task) tasks.push(task)
  }
  return { ...found, tasks }
}

interface Take {
  readonly ord: number
  readonly leaseMs: number
  readonly gate: Gate
}

/** Takes one task under a lease, or parks it; undefined when it can no longer be claimed. */
async function takeIn(
  tx: Transaction,
  ctx: Claiming,
  { ord, leaseMs, gate }: Take,
): Promise<LeasedTask | 'parked' | undefined> {
  const { id: agentId, incarnation } = requireAgent(ctx.principal)
  const { project } = ctx.principal
  const [next] = await tx.run(peek, { ord })
  if (!next) return undefined
  if (next.locks !== null) await tx.exclusive('locks')
  const mark = await obstacleTo(tx, project, gate.pausedEpics ? next : { ...next, epic: null })
  if (mark !== undefined) {
    await park(tx, ord, mark)
    return 'parked'
  }
  const locks: string[] = next.locks === null ? [] : JSON.parse(next.locks)
  const leaseToken = ctx.leaseTokens.mint({ taskId: next.id, agentId }, next.attempt + 1)
  const leaseExpiresAt = tx.now + leaseMs
  const lease = { agentId, incarnation, leaseToken, leaseMs, leaseExpiresAt, heldLocks: locks.length }
  const [row] = await tx.run(take, { ord, ...lease, now: tx.now })
  if (!row) return undefined
  await insertLocks(tx, { project, taskId: row.id, locks })
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

/**
 * Claims until it is known whether there is anything: at the end of a transaction that only parked tasks, what is behind them
 * has not been looked at.
 */
export async function claimFully(ctx: Context, claim: () => Promise<Claimed>): Promise<Claimed> {
  for (;;) {
    const claimed = await claim()
    if (claimed.routes !== undefined) await ctx.routes.refresh(ctx.store, ctx.principal.project, claimed.routes)
    if (claimed.tasks.length > 0 || !claimed.more) return claimed
  }
}

/** `tasks.claim`: at once, or as soon as there is work within `waitMs`. */
export async function claimTasks(
  ctx: Context,
  input: z.output<typeof taskClaimInput>,
): Promise<z.output<typeof taskClaimOutput>> {
  const claim = () => ctx.transact((tx) => claimIn(tx, ctx, input), replayClaim)
  const { tasks } = input.waitMs === 0 ? await claimFully(ctx, claim) : await waitForWork(ctx, input.waitMs, claim)
  return { tasks }
}

/** Tries a claim until it takes something, each time there may be work for this agent, for `waitMs` at most. */
export function waitForWork(ctx: Context, waitMs: number, claim: () => Promise<Claimed>): Promise<Claimed> {
  const { project } = ctx.principal
  const agentId = requireAgent(ctx.principal).id
  let place: Place | undefined
  return blockUntil({
    ctx,
    waitMs,
    watch: (ring) => {
      place = ctx.queue.enter({ project, agentId }, ring)
      return place
    },
    attempt: async () => {
      const claimed = await claimFully(ctx, claim)
      if (claimed.standing) place?.tried(claimed.standing)
      return claimed
    },
    // A key that has been answered takes nothing new, whatever became of its lease.
    found: ({ tasks, replayed = false }) => tasks.length > 0 || replayed,
  })
}
