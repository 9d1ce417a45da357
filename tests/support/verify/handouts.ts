import type { Checker } from './checker.ts'
import { leaseKey } from './lookups.ts'
import type { Claim, Start } from './recorded.ts'
import { violation } from './violation.ts'

const more = <Item>(items: readonly Item[], of: (item: Item) => unknown) => new Set(items.map(of)).size > 1

export const handedOnce: Checker = ({ claims, starts }) => {
  const holders: readonly (Claim | Start)[] = [...claims, ...starts]
  const attemptKey = (of: Claim | Start) => `${of.taskId} ${of.attempt}`
  const byClients = [...Map.groupBy(holders, attemptKey)].filter(([, of]) => more(of, (holder) => holder.client))
  const byTokens = [...Map.groupBy(claims, attemptKey)].filter(([, of]) => more(of, (claim) => claim.leaseToken))
  const reissued = [...Map.groupBy(claims, leaseKey)].filter(([, of]) => more(of, (claim) => claim.attempt))
  return [...byClients, ...byTokens, ...reissued].map(([key, of]) =>
    violation('lease-handed-twice', `lease ${key}`, of),
  )
}
