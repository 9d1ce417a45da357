import type { planCommitInput, planCommitOutput } from '@tony/mcp-shared/plans'
import { and, eq, inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context, ReplyCodec } from '../../domain/context.ts'
import { continuePublication } from '../../domain/plans/continue.ts'
import { endPublication } from '../../domain/plans/record-publication.ts'
import { authorshipOf } from '../../domain/tasks/new-task.ts'
import type { Transaction } from '../../store/store.ts'
import { requirePlan } from './require-plan.ts'

type Output = z.output<typeof planCommitOutput>

/** The reply of an earlier call with the same key; undefined for the first one. */
type EarlierReply = Output | undefined

/** Looks up the key, and stores nothing under it: only the end of the publication does. */
const earlierReplyCodec: ReplyCodec<EarlierReply> = {
  toStored: () => undefined,
  fromStored: async (_, kept) => kept as Output,
}

/**
 * Closes the plan for more tasks. From here on the publication goes on by itself, also after a
 * crash. Does nothing for a plan that is being published, or is published: the server may have
 * ended it for this caller, who has lost the reply.
 */
async function closePlan(tx: Transaction, ctx: Context, planId: string): Promise<void> {
  const { plans } = tx.t
  const { project, createdBy } = authorshipOf(ctx.principal)
  const [plan] = await tx.db
    .update(plans)
    .set({ status: 'committing', committedBy: createdBy, steppedAt: tx.now })
    .where(and(eq(plans.id, planId), eq(plans.projectId, project), inArray(plans.status, ['open', 'committing'])))
    .returning({ id: plans.id })
  if (!plan) await requirePlan(tx, { project, planId, status: 'committed' })
}

/**
 * `plans.commit`: publishes all staged tasks. It checks all of them first, so that a refusal
 * publishes nothing, and then publishes them in steps, because in one transaction a plan of 40,000
 * tasks kept every other caller waiting for seconds.
 */
export async function commitPlan(ctx: Context, { planId }: z.output<typeof planCommitInput>): Promise<Output> {
  const authorship = authorshipOf(ctx.principal)
  const publication = { planId, authorship }
  const earlier = await ctx.transact<EarlierReply>(
    async (tx) => {
      await closePlan(tx, ctx, planId)
      return undefined
    },
    { replay: earlierReplyCodec },
  )
  if (earlier) return earlier
  // Without the caller's fence: the publication goes on even if its session ends.
  const scope = {
    project: authorship.project,
    caller: ctx.principal.subject,
    lane: 'bulk',
    requestId: ctx.requestId,
  } as const
  const end = () => ctx.transact((tx) => endPublication(tx, publication))
  const published = await continuePublication({ store: ctx.store, scope, publication, end })
  ctx.chargeRows(published.created + published.updated)
  return published
}
