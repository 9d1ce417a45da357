import type { Checker } from './checker.ts'
import { eventsOfType } from './lookups.ts'
import { violation } from './violation.ts'

/**
 * A dead letter is redriven at most once for each of its deaths, and its row counts the redrives.
 */
export const redrives: Checker = (_recorded, stored) =>
  stored.messages.flatMap((row) => {
    const events = eventsOfType(stored, row.id, 'message.dead', 'message.redriven')
    const alone = events.filter(
      ({ type }, index) => type === 'message.redriven' && events[index - 1]?.type !== 'message.dead',
    )
    const count = events.filter(({ type }) => type === 'message.redriven').length
    return alone.length === 0 && count === row.redrives
      ? []
      : [violation('redrive-alone', `message ${row.id}`, { row, events })]
  })
