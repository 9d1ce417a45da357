import { and, gt, sql } from 'drizzle-orm'
import { type Query, singleRowUpdate, statement, type Transaction } from '../../store/store.ts'
import { type Principal, requireAgent } from '../principal.ts'
import { type LeaseParams, matchesHeldLease } from './lease.ts'

interface ExtendParams extends LeaseParams {
  /** In milliseconds; null means the length of the claim. */
  leaseMs: number | null
  arrivedAt: number
  now: number
}

const extend = statement(({ db, t, p }: Query<ExtendParams>) =>
  db
    .update(t.tasks)
    .set({ leaseExpiresAt: sql`${p.now} + coalesce(${p.leaseMs}, ${t.tasks.leaseMs})`, unlistedBeats: 0 })
    .where(and(matchesHeldLease({ t, p }), gt(t.tasks.leaseExpiresAt, p.arrivedAt)))
    .returning({ leaseExpiresAt: t.tasks.leaseExpiresAt })
    .prepare(),
)

const extendOne = singleRowUpdate(extend)

/** Extends a current lease. Returns its new expiry; undefined if the lease is over. */
export async function extendIn(
  tx: Transaction,
  principal: Principal,
  lease: { readonly taskId: string; readonly leaseToken: string; readonly leaseMs?: number | undefined },
): Promise<number | undefined> {
  const agentId = requireAgent(principal).id
  const { taskId, leaseToken } = lease
  const params = {
    project: principal.project,
    taskId,
    leaseToken,
    agentId,
    leaseMs: lease.leaseMs ?? null,
    arrivedAt: tx.arrivedAt,
    now: tx.now,
  }
  const [row] = await tx.run(extendOne, params)
  return row?.leaseExpiresAt ?? undefined
}
