import type { Checker } from './checker.ts'
import { attemptsByLease, leaseKey } from './lookups.ts'
import type { Claim, LeaseWrite } from './recorded.ts'
import { type Violation, violation } from './violation.ts'

/**
 * All clients share one clock. A received reply proves that the server had committed by then, so a
 * write that was sent later came after the commit.
 */
export const staleWrites: Checker = ({ leaseWrites, claims }) => {
  const violations: Violation[] = []
  const attempts = attemptsByLease(claims)
  const claimsOf = Map.groupBy(claims, (claim: Claim) => claim.taskId)
  const accepted = leaseWrites.filter((write) => write.outcome === 'ok')
  const completionsOf = Map.groupBy(
    accepted.filter((write) => write.f === 'complete'),
    (write: LeaseWrite) => write.taskId,
  )
  for (const write of accepted) {
    const attempt = attempts.get(leaseKey(write))
    const newer = (claimsOf.get(write.taskId) ?? []).find(
      (claim) => attempt !== undefined && claim.attempt > attempt && claim.at < write.invokedAt,
    )
    // A second completion has a rule of its own.
    const completion =
      write.f === 'complete'
        ? undefined
        : (completionsOf.get(write.taskId) ?? []).find(
            (completed) =>
              completed.endedAt < write.invokedAt && (attempts.get(leaseKey(completed)) ?? 0) >= (attempt ?? 0),
          )
    const after = newer ?? completion
    if (after)
      violations.push(violation('stale-write', `task ${write.taskId}, ${write.client}`, { write, attempt, after }))
  }
  return violations
}
