import type { Checker, Expected } from './checker.ts'
import type { Stored, TaskRow } from './database.ts'
import { ended, isEnding } from './lookups.ts'
import { type Rule, violation } from './violation.ts'

const statuses: ReadonlySet<string> = new Set([
  ...ended,
  'blocked',
  'pending',
  'in_progress',
  'input_required',
  'in_review',
])

function brokenBy(row: TaskRow, stored: Stored, expected: Expected): Rule[] {
  const all = stored.eventsOf.get(row.id) ?? []
  // The events before a retry of a failed task belong to an earlier life of the task.
  const events = all.slice(all.findLastIndex((event) => event.type === 'task.reopened') + 1)
  const endings = events.filter(isEnding)
  const isEnded = ended.has(row.status)
  const rules: Rule[] = []
  if (!statuses.has(row.status)) rules.push('task-status')
  if (expected.finished && !isEnded) rules.push('task-unfinished')
  if (isEnded && row.ready !== null) rules.push('ended-but-ready')

  // A task that was imported after its end has no event for the end.
  const least = isEnded && row.attempt > 0 ? 1 : 0
  const most = isEnded ? 1 : 0
  const ofStatus = endings.every((event) => event.type === `task.${row.status}`)
  if (endings.length < least || endings.length > most || !ofStatus) rules.push('terminal-events')

  const [end] = endings
  if (end && events.some((event) => event.type === 'task.claimed' && event.seq > end.seq))
    rules.push('claimed-after-end')
  return rules
}

export const endings: Checker = (_recorded, stored, expected) =>
  [...stored.tasks.values()].flatMap((row) =>
    brokenBy(row, stored, expected).map((rule) =>
      violation(rule, `task ${row.id}`, { row, events: stored.eventsOf.get(row.id) ?? [] }),
    ),
  )
