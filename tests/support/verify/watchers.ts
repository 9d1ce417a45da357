import type { Checker } from './checker.ts'
import type { EventRow, Stored } from './database.ts'
import type { Sighting } from './recorded.ts'
import { type Violation, violation } from './violation.ts'

/** Follows one watcher across its reconnects. Returns its last number when all events are read. */
function follow(watcher: string, sightings: readonly Sighting[], log: Map<number, EventRow>) {
  const violations: Violation[] = []
  let last: number | undefined
  const refuse = (rule: 'watcher-gap' | 'watcher-repeat' | 'watcher-mismatch', evidence: object) =>
    violations.push(violation(rule, `watcher ${watcher}`, { last, ...evidence }))

  for (const sighting of sightings) {
    if ('from' in sighting) {
      // A watcher that restarts further back has asked for the repeated events. A restart further
      // ahead has skipped events.
      if (last !== undefined && sighting.from > last) refuse('watcher-gap', { sighting })
      last = sighting.from
      continue
    }
    const { seq, type, subject } = sighting
    if (last !== undefined && seq > last + 1) refuse('watcher-gap', { sighting })
    if (last !== undefined && seq <= last) refuse('watcher-repeat', { sighting })
    const event = log.get(seq)
    if (event?.type !== type || event.subject !== subject)
      refuse('watcher-mismatch', { sighting, event: event ?? null })
    last = Math.max(last ?? seq, seq)
  }
  return { violations, last: last ?? 0 }
}

const headOf = (stored: Stored): number => stored.events.at(-1)?.seq ?? 0

/**
 * A restarted watcher continues in another file. Within a file, the order of the lines is that of
 * the arrivals.
 */
const inOrder = (sightings: readonly Sighting[]): Sighting[] =>
  [...Map.groupBy(sightings, (sighting) => sighting.file).values()]
    .toSorted((a, b) => (a[0]?.at ?? 0) - (b[0]?.at ?? 0))
    .flat()

export const watchers: Checker = ({ sightings }, stored, expected) => {
  const log = new Map(stored.events.map((event) => [event.seq, event]))
  const head = headOf(stored)
  return [...Map.groupBy(sightings, (sighting) => sighting.watcher)].flatMap(([watcher, of]) => {
    const { violations, last } = follow(watcher, inOrder(of), log)
    const behind =
      expected.finished && last < head ? [violation('watcher-behind', `watcher ${watcher}`, { last, head })] : []
    return [...violations, ...behind]
  })
}
