import type { Checker } from './checker.ts'
import { eventsOfType } from './lookups.ts'
import type { Delivery, Settlement } from './recorded.ts'
import { type Violation, violation } from './violation.ts'

interface Known {
  readonly settlement: Settlement
  /** The position among the deliveries of the message. */
  readonly place: number
  readonly deliveries: readonly Delivery[]
}

/** A redrive resets the count of deliveries, and there are never a million of them in between. */
const placeOf = ({ redrives, attempt }: { readonly redrives: number; readonly attempt: number }): number =>
  redrives * 1_000_000 + attempt

/** Returns the accepted settlements whose receipt a client has received in a delivery. */
function known(settlements: readonly Settlement[], deliveriesOf: Map<string, Delivery[]>): Known[] {
  return settlements.flatMap((settlement) => {
    if (settlement.outcome !== 'ok') return []
    const deliveries = deliveriesOf.get(settlement.messageId) ?? []
    const delivery = deliveries.find((one) => one.receipt === settlement.receipt)
    return delivery ? [{ settlement, place: placeOf(delivery), deliveries }] : []
  })
}

const replacedBefore = ({ settlement, place, deliveries }: Known) =>
  deliveries.filter((delivery) => placeOf(delivery) > place && delivery.at < settlement.invokedAt)

export const receipts: Checker = ({ deliveries, acks, naks }, stored) => {
  const violations: Violation[] = []
  const deliveriesOf = Map.groupBy(deliveries, (delivery) => delivery.messageId)
  // A redrive resets the count of deliveries, so attempts before and after it cannot be compared.
  const comparable = ({ messageId }: Settlement) => eventsOfType(stored, messageId, 'message.redriven').length === 0
  const acked = known(acks.filter(comparable), deliveriesOf)
  for (const settled of [...acked, ...known(naks.filter(comparable), deliveriesOf)]) {
    const replaced = replacedBefore(settled)
    if (replaced.length > 0) {
      violations.push(violation('stale-receipt', `message ${settled.settlement.messageId}`, { ...settled, replaced }))
    }
  }
  for (const settled of acked) {
    if (replacedBefore(settled).length > 0) continue
    const [row] = stored.messagesById.get(settled.settlement.messageId) ?? []
    const again = settled.deliveries.filter((delivery) => placeOf(delivery) > settled.place)
    if (again.length > 0 || (row && placeOf({ redrives: row.redrives, attempt: row.deliveries }) > settled.place)) {
      violations.push(
        violation('delivered-after-ack', `message ${settled.settlement.messageId}`, { ...settled, again, row }),
      )
    }
  }
  return violations
}
