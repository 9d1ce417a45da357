import type { Checker } from './checker.ts'
import { eventsOfType } from './lookups.ts'
import { violation } from './violation.ts'

export const attemptsDense: Checker = (_recorded, stored) =>
  [...stored.tasks.values()].flatMap((row) => {
    const claims = eventsOfType(stored, row.id, 'task.claimed')
    const dense = claims.every((claim, index) => claim.attempt === null || claim.attempt === index + 1)
    return dense && claims.length === row.attempt
      ? []
      : [violation('attempts-not-dense', `task ${row.id}`, { row, claims })]
  })
