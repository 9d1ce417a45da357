import { type Broken, drop, insertAfter, opAt, taskOf } from './broken-story.ts'
import { claim, of, write } from './planted-ops.ts'

export const brokenLeases: readonly Broken[] = [
  {
    what: 'a task claimed while it was leased',
    rules: ['lease-overlap'],
    bend: (story) => drop(story, 'task.expired', 'walls'),
  },
  {
    what: 'an old lease that changed its task',
    rules: ['stale-event'],
    bend: (story) => insertAfter(story, 'task.claimed', 'roof', 2, of('retried', 'roof', 1, 'bob-id')),
  },
  {
    what: 'more attempts in the row than claims in the log',
    rules: ['attempts-not-dense'],
    bend: (story) => Object.assign(taskOf(story, 'moat'), { attempt: 2 }),
  },
  {
    what: 'an attempt number used twice',
    rules: ['attempts-not-dense'],
    bend: (story) => {
      insertAfter(
        story,
        'task.claimed',
        'moat',
        0,
        of('released', 'moat', 1, 'bob-id'),
        of('claimed', 'moat', 1, 'bob-id'),
      )
      Object.assign(taskOf(story, 'moat'), { attempt: 2 })
    },
  },
  {
    what: 'one lease handed to two clients',
    rules: ['lease-handed-twice'],
    bend: (story) => story.ops.push(...claim('bob', 101, 'walls', 1)),
  },
  {
    what: 'one attempt handed out under two tokens',
    rules: ['lease-handed-twice'],
    bend: (story) =>
      story.ops.push({
        ...opAt(story, 100),
        t: 101,
        out: { tasks: [{ id: 'walls', attempt: 1, leaseToken: 'other', leaseExpiresAt: '' }] },
      }),
  },
  {
    what: 'a lease extended after the next claim was answered',
    rules: ['stale-write'],
    bend: (story) => story.ops.push(write('ada', 'extend', 205, 'walls', 1, 'in_progress')),
  },
  {
    what: 'progress accepted after the completion was answered',
    rules: ['stale-write'],
    bend: (story) => story.ops.push(write('bob', 'progress', 220, 'walls', 2, 'in_progress')),
  },
  {
    what: 'a lease that is not in the log',
    rules: ['claim-event'],
    bend: (story) => story.ops.push(...claim('ada', 90, 'pit', 1)),
  },
  {
    what: 'an acknowledged failure that is not in the log',
    rules: ['fail-event'],
    bend: (story) => story.ops.push(write('ada', 'fail', 260, 'roof', 3, 'pending')),
  },
  {
    what: 'an acknowledged release that is not in the log',
    rules: ['release-event'],
    bend: (story) => story.ops.push(write('ada', 'release', 150, 'walls', 1, 'pending')),
  },
]
