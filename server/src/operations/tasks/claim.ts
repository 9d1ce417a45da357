import type { taskClaimInput, taskClaimOutput } from '@tony/mcp-shared/leases'
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type Admission, admissionOf } from '../../domain/agents/admission.ts'
import { blockUntil } from '../../domain/blocking.ts'
import type { Context, ReplyCodec } from '../../domain/context.ts'
import { type Principal, requireAgent } from '../../domain/principal.ts'
import { blockerOf } from '../../domain/tasks/blocker.ts'
import type { Claimant, ClaimantState, ClaimWaitHandle } from '../../domain/tasks/claim-waiters.ts'
import { insertLocks } from '../../domain/tasks/locks.ts'
import { parkTask } from '../../domain/tasks/parking.ts'
import { attemptDeadlineSql } from '../../domain/tasks/queue-columns.ts'
import { pageByteLimit } from '../../platform/paging.ts'
import { replyBytesOf } from '../../platform/reply-bytes.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { type StatementParts, singleRowUpdate, statement, type Transaction } from '../../store/store.ts'
import { taskBytesSql } from './bytes.ts'
import { joinClaims, mergeHeads, type QueueHead } from './queue-heads.ts'
import { type LeasedTask, toLeasedTask } from './serialize.ts'

const measureTask = statement((q: StatementParts<{ ord: number }>) =>
  q.db
    .select({ bytes: taskBytesSql(q) })
    .from(q.t.tasks)
    .where(eq(q.t.tasks.ord, q.p.ord))
    .prepare(),
)

interface ClaimParams {
  ord: number
  now: number
  agentId: string
  incarnation: number
  leaseToken: string
  leaseMs: number
  leaseExpiresAt: number
  heldLocks: number
}

const takeLease = statement(({ db, t, p }: StatementParts<ClaimParams>) =>
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
      timeoutAt: attemptDeadlineSql(t, p.now),
      attempt: sql`${t.tasks.attempt} + 1`,
      revision: sql`${t.tasks.revision} + 1`,
    })
    .where(and(eq(t.tasks.ord, p.ord), isNotNull(t.tasks.ready)))
    .returning()
    .prepare(),
)

const takeOneLease = singleRowUpdate(takeLease)

/** The services of a claim: the caller, the signer of leases and the cached claim groups. */
export type ClaimContext = Pick<Context, 'principal' | 'leaseTokens' | 'claimGroups'>

/** The size of a claim and the length of its leases. */
export interface ClaimOptions {
  readonly limit: number
  readonly leaseMs: number
}

/** The tasks of a claim and the facts that decide about another attempt. */
export interface ClaimResult {
  readonly tasks: LeasedTask[]
  /** The state of the agent during the claim. */
  readonly claimantState?: ClaimantState
  /** The number of claim groups in the project. */
  readonly groupCount?: number
  /**
   * True if there may be other tasks: the transaction parked its limit of tasks, or another claim
   * of its batch may put some back.
   */
  readonly more?: boolean
  /** True if the idempotency key had a stored reply. */
  readonly replayed?: boolean
}

/** The number of tasks to park in one transaction, so that it does not delay others. */
const parkLimit = 64

/**
 * Takes up to `limit` tasks under a lease; one agent wins each task. The agent's row, not its
 * token, decides which tasks it may take. A task that a held lock or a paused epic blocks is
 * parked, and the claim continues with the next. A task that does not fit into one page with those
 * before it stays for the next claim. Claims of a batch that run at the same time share one read of
 * the queue.
 */
export async function claimIn(
  tx: Transaction,
  ctx: ClaimContext,
  { limit, leaseMs }: ClaimOptions,
): Promise<ClaimResult> {
  const { project } = ctx.principal
  const { id: agentId } = requireAgent(ctx.principal)
  const claims = joinClaims(tx, limit)
  await tx.beginSecondPart()
  const admission = await admissionOf(tx, agentId)
  if (admission.paused || admission.draining) return { tasks: [], claimantState: 'closed' }
  const claimant: Claimant = { project, agentId, capabilities: new Set(JSON.parse(admission.capabilities)) }
  const found = { claimantState: claimant, groupCount: admission.groupCount }
  const claimGroups = await ctx.claimGroups.idsFor(tx, claimant, admission)
  const heads = mergeHeads(tx, { project, claimGroups, claims })
  const tasks: LeasedTask[] = []
  let parked = 0
  let size = 0
  while (tasks.length < limit) {
    const head = await heads.next(limit - tasks.length)
    if (!head) break
    if (tasks.length > 0 && (await exceedsPage(tx, head.ord, size))) {
      heads.putBack()
      break
    }
    const task = await takeTaskIn(tx, ctx, { head, leaseMs, admission })
    if (task === 'parked') {
      heads.markParked()
      parked += 1
      if (parked < parkLimit) continue
      heads.putBack()
      return { ...found, tasks, more: true }
    } else if (task) {
      tasks.push(task)
      if (tasks.length < limit) size += replyBytesOf(task)
    }
  }
  // Another claim of the batch may put tasks back that this one did not see.
  return tasks.length === 0 && claims.surplus > 0 ? { ...found, tasks, more: true } : { ...found, tasks }
}

/** True if a task does not fit into one page with the tasks that the claim has taken. */
async function exceedsPage(tx: Transaction, ord: number, size: number): Promise<boolean> {
  const [measured] = await tx.run(measureTask, { ord })
  return size + (measured?.bytes ?? 0) > pageByteLimit
}

interface TakeTaskOptions {
  readonly head: QueueHead
  readonly leaseMs: number
  readonly admission: Admission
}

/** Takes one task under a lease, or parks it. Returns undefined if it is no longer claimable. */
async function takeTaskIn(
  tx: Transaction,
  ctx: ClaimContext,
  { head, leaseMs, admission }: TakeTaskOptions,
): Promise<LeasedTask | 'parked' | undefined> {
  const { id: agentId, incarnation } = requireAgent(ctx.principal)
  const { project } = ctx.principal
  const { ord } = head
  if (head.locks !== null) await tx.exclusive('locks')
  const blocker = await blockerOf(tx, project, admission.pausedEpics ? head : { ...head, epic: null })
  if (blocker !== undefined) {
    await parkTask(tx, ord, blocker)
    return 'parked'
  }
  const locks: string[] = head.locks === null ? [] : JSON.parse(head.locks)
  const leaseToken = ctx.leaseTokens.issueToken({ taskId: head.id, agentId }, head.attempt + 1)
  const leaseExpiresAt = tx.now + leaseMs
  const lease = { agentId, incarnation, leaseToken, leaseMs, leaseExpiresAt, heldLocks: locks.length }
  const [row] = await tx.run(takeOneLease, { ord, ...lease, now: tx.now })
  if (!row) return undefined
  await insertLocks(tx, { project, taskId: row.id, locks })
  const task = await toLeasedTask(tx, row)
  const data = { attempt: row.attempt, agentId, leaseExpiresAt: task.leaseExpiresAt }
  const waitMs = row.readyAt === null ? undefined : Math.max(0, tx.now - row.readyAt)
  tx.append({ type: 'task.claimed', subject: row.id, actor: agentId, taskId: row.id, epic: row.epic, data, waitMs })
  return task
}

const storedClaims = z.array(z.object({ id: z.string(), attempt: z.int() }))

const findLease = statement(({ db, t, p }: StatementParts<{ id: string; attempt: number }>) =>
  db
    .select()
    .from(t.tasks)
    .where(and(eq(t.tasks.id, p.id), eq(t.tasks.attempt, p.attempt), equalsLiteral(t.tasks.status, 'in_progress')))
    .prepare(),
)

/**
 * Stores the task and the attempt of each lease under the idempotency key, not the lease token. A
 * repeated call replies with those leases that still exist, and reads their tokens from the tasks.
 */
export const claimReplyCodec: ReplyCodec<ClaimResult> = {
  toStored: ({ tasks }) => (tasks.length === 0 ? undefined : tasks.map(({ id, attempt }) => ({ id, attempt }))),
  fromStored: async (tx, stored) => {
    const tasks: LeasedTask[] = []
    for (const lease of storedClaims.parse(stored)) {
      for (const row of await tx.run(findLease, lease)) tasks.push(await toLeasedTask(tx, row))
    }
    return { tasks, replayed: true }
  },
}

/**
 * Repeats a claim until it takes tasks or finds none. A transaction that only parked tasks has not
 * read the tasks behind them.
 */
export async function claimPastParked(ctx: Context, claim: () => Promise<ClaimResult>): Promise<ClaimResult> {
  for (;;) {
    const claimed = await claim()
    if (claimed.groupCount !== undefined)
      await ctx.claimGroups.refresh(ctx.store, ctx.principal.project, claimed.groupCount)
    if (claimed.tasks.length > 0 || !claimed.more) return claimed
  }
}

/**
 * Returns the serial keys of a claim: claims of one agent run one after another, so that the size
 * of each reply is known before the next claim begins.
 */
export const claimKeysOf = (principal: Principal): readonly string[] => [`claims ${requireAgent(principal).id}`]

/** `tasks.claim`: claims at once, or as soon as there is work within `waitMs`. */
export async function claimTasks(
  ctx: Context,
  input: z.output<typeof taskClaimInput>,
): Promise<z.output<typeof taskClaimOutput>> {
  const options = { replay: claimReplyCodec, serialKeys: claimKeysOf(ctx.principal) }
  const claim = () => ctx.transactLargeReply((tx) => claimIn(tx, ctx, input), options)
  const { tasks } = input.waitMs === 0 ? await claimPastParked(ctx, claim) : await waitForWork(ctx, input.waitMs, claim)
  return { tasks }
}

/**
 * Repeats a claim whenever there may be work for this agent, until it takes a task or `waitMs`
 * passes.
 */
export function waitForWork(ctx: Context, waitMs: number, claim: () => Promise<ClaimResult>): Promise<ClaimResult> {
  const { project } = ctx.principal
  const agentId = requireAgent(ctx.principal).id
  let position: ClaimWaitHandle | undefined
  return blockUntil({
    ctx,
    waitMs,
    subscribe: (notify) => {
      position = ctx.waiters.claims.enter({ project, agentId }, notify)
      return position
    },
    attempt: async () => {
      const claimed = await claimPastParked(ctx, claim)
      if (claimed.claimantState) position?.afterAttempt(claimed.claimantState)
      return claimed
    },
    // A call with a stored reply takes nothing new, even if its leases are over.
    isFound: ({ tasks, replayed = false }) => tasks.length > 0 || replayed,
  })
}
