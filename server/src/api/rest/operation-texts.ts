import type { OperationText } from './operation-text.ts'
import { fleetTexts } from './texts/fleet.ts'
import { leaseTexts } from './texts/leases.ts'
import { messageTexts } from './texts/messages.ts'
import { taskTexts } from './texts/tasks.ts'
import { wakeTexts } from './texts/wakes.ts'
import { webhookTexts } from './texts/webhooks.ts'

const texts = { ...fleetTexts, ...leaseTexts, ...messageTexts, ...taskTexts, ...wakeTexts, ...webhookTexts }

/** Returns the text of a procedure. Throws if it has none, so that none is left out. */
export function operationTextOf(procedure: string): OperationText {
  const text = texts[procedure]
  if (!text) throw new Error(`${procedure} has no text in server/src/api/rest/texts`)
  return text
}
