import { acks } from './verify/acks.ts'
import { attemptsDense } from './verify/attempts.ts'
import type { Checker } from './verify/checker.ts'
import { completedOnce } from './verify/completed-once.ts'
import { completionAttempt } from './verify/completion-attempt.ts'
import { completionsStored } from './verify/completions-stored.ts'
import { counters } from './verify/counters.ts'
import { readDatabase, type Stored } from './verify/database.ts'
import { deliveries } from './verify/deliveries.ts'
import { openDependencies, startedBeforeDependency } from './verify/dependencies.ts'
import { endings } from './verify/endings.ts'
import { feedDense } from './verify/feed.ts'
import { handedOnce } from './verify/handouts.ts'
import { type Histories, readHistories } from './verify/history.ts'
import { leases } from './verify/leases.ts'
import { locks } from './verify/locks.ts'
import { messageEvents } from './verify/message-events.ts'
import { deadLetters, messageStatuses } from './verify/message-states.ts'
import { operators } from './verify/operators.ts'
import { pauses } from './verify/pauses.ts'
import { payloads } from './verify/payloads.ts'
import { phantomMessages } from './verify/phantom-messages.ts'
import { receipts } from './verify/receipts.ts'
import { record } from './verify/record.ts'
import type { Recorded } from './verify/recorded.ts'
import { redrives } from './verify/redrives.ts'
import { sendKeys } from './verify/send-keys.ts'
import { sendsStored } from './verify/sends-stored.ts'
import { staleWrites } from './verify/stale-writes.ts'
import { taskEvents } from './verify/task-events.ts'
import type { Violation } from './verify/violation.ts'
import { watchers } from './verify/watchers.ts'

export type { Violation } from './verify/violation.ts'
export { rules } from './verify/violation.ts'

export interface Report {
  violations: Violation[]
  /** The numbers of checked objects: a verdict about no object is none. */
  counted: Record<string, number>
}

const checkers: readonly Checker[] = [
  completedOnce,
  completionsStored,
  completionAttempt,
  startedBeforeDependency,
  openDependencies,
  leases,
  attemptsDense,
  handedOnce,
  staleWrites,
  endings,
  locks,
  pauses,
  operators,
  sendsStored,
  sendKeys,
  phantomMessages,
  payloads,
  acks,
  receipts,
  deliveries,
  messageStatuses,
  deadLetters,
  redrives,
  counters,
  feedDense,
  watchers,
  taskEvents,
  messageEvents,
]

function count(histories: Histories, recorded: Recorded, stored: Stored): Record<string, number> {
  const accepted = (f: string) => recorded.leaseWrites.filter((write) => write.f === f && write.outcome === 'ok').length
  const ok = (of: readonly { outcome: string }[]) => of.filter((one) => one.outcome === 'ok').length
  return {
    lines: histories.lines,
    operations: histories.ops.length,
    unknownOutcomes: histories.ops.filter((op) => op.outcome === 'info').length,
    tasks: stored.tasks.size,
    dependencies: [...stored.dependencies.values()].reduce((total, of) => total + of.length, 0),
    claims: recorded.claims.length,
    starts: recorded.starts.length,
    completions: accepted('complete'),
    failures: accepted('fail'),
    releases: accepted('release'),
    extensions: accepted('extend'),
    messages: stored.messages.length,
    deadLetters: stored.messageCounts.dead ?? 0,
    sends: ok(recorded.sends),
    deliveries: recorded.deliveries.length,
    acks: ok(recorded.acks),
    naks: ok(recorded.naks),
    changes: recorded.operations.length,
    events: stored.events.length,
    watchers: new Set(recorded.sightings.map((sighting) => sighting.watcher)).size,
    watched: recorded.sightings.filter((sighting) => 'seq' in sighting).length,
  }
}

/**
 * Checks a run by its clients' histories and its database. It reads the database without any code
 * of the product.
 */
export function verify(input: {
  histories: string[]
  database: string
  /** Name; default `default`. */
  project?: string
  /** True if every task has ended and every watcher has read all events; default true. */
  expectFinished?: boolean
}): Report {
  const histories = readHistories(input.histories)
  const { recorded, violations } = record(histories.ops)
  const stored = readDatabase(input.database, input.project ?? 'default')
  const expected = { finished: input.expectFinished ?? true }
  return {
    violations: [
      ...histories.violations,
      ...violations,
      ...checkers.flatMap((check) => check(recorded, stored, expected)),
    ],
    counted: count(histories, recorded, stored),
  }
}
