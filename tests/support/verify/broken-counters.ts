import { numberFor } from '../ids.ts'
import type { Broken } from './broken-story.ts'

export const brokenCounters: readonly Broken[] = [
  {
    what: 'a message that an inbox does not count',
    rules: ['conservation-broken'],
    bend: (story) =>
      story.tampered.push(
        `update mailboxes set accepted = accepted - 1, acked = acked - 1 where agent_id = ${numberFor("'ada-id'")}`,
      ),
  },
  {
    what: 'a message that is neither stored nor purged',
    rules: ['conservation-broken'],
    bend: (story) =>
      story.tampered.push(`update mailboxes set accepted = accepted + 1 where agent_id = ${numberFor("'bob-id'")}`),
  },
  {
    what: 'a message counted in another status than its own',
    rules: ['conservation-broken'],
    bend: (story) =>
      story.tampered.push(
        `update mailboxes set acked = acked - 1, dead = dead + 1 where agent_id = ${numberFor("'ada-id'")}`,
      ),
  },
  {
    what: 'a message of an agent without an inbox',
    rules: ['conservation-broken'],
    bend: (story) => story.tampered.push(`delete from mailboxes where agent_id = ${numberFor("'ada-id'")}`),
  },
  {
    what: 'a task counted in another status than its own',
    rules: ['rollup-wrong'],
    bend: (story) => story.tampered.push(`update task_counts set tasks = tasks + 1 where status = 'completed'`),
  },
  {
    what: 'a task that no counter counts',
    rules: ['rollup-wrong'],
    bend: (story) => story.tampered.push(`delete from task_counts where status = 'failed'`),
  },
]
