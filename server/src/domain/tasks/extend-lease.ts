import { and, gt, sql } from 'drizzle-orm'
import { type StatementParts, singleRowUpdate, statement, type Transaction } from '../../store/store.ts'
import { type Principal, requireAgent } from '../principal.ts'
import { type LeaseParams, matchesHeldLeaseSql } from './lease.ts'

interface ExtendParams extends LeaseParams {
  /** In milliseconds; null means the length of the claim. */
  leaseMs: number | null
  arrivedAt: number
  now: number
}

const extendLease = statement(({ db, t, p }: StatementParts<ExtendParams>) =>
  db
    .update(t.tasks)
    .set({ leaseExpiresAt: sql`${p.now} + coalesce(${p.leaseMs}, ${t.tasks.leaseMs})`, unlistedBeats: 0 })
    .where(and(matchesHeldLeaseSql({ t, p }), gt(t.tasks.leaseExpiresAt, p.arrivedAt)))
    .returning({ leaseExpiresAt: t.tasks.leaseExpiresAt })
    .prepare(),
)

const extendSingleLease = singleRowUpdate(extendLease)

/** Extends a current lease. Returns its new expiry; undefined if the lease is over. */
export async function extendLeaseIn(
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
  const [row] = await tx.run(extendSingleLease, params)
  return row?.leaseExpiresAt ?? undefined
}
