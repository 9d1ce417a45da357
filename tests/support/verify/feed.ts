import type { Checker } from './checker.ts'
import { violation } from './violation.ts'

export const feedDense: Checker = (_recorded, stored) => {
  const hole = stored.events.findIndex((event, index) => event.seq !== index + 1)
  if (hole === -1 && stored.seq === stored.events.length) return []
  return [
    violation('feed-not-dense', 'feed', {
      head: stored.seq,
      events: stored.events.length,
      firstHole: hole === -1 ? null : { expected: hole + 1, found: stored.events[hole] },
    }),
  ]
}
