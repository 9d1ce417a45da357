import { type Broken, drop, eventOf, found, insertAfter, messageOf, taskOf } from './broken-story.ts'
import { bySource, of } from './planted-ops.ts'

/** Broken promises about locks, pauses, answers, verdicts and the calls of operators. */
export const brokenOperators: readonly Broken[] = [
  {
    what: 'a path claimed while a path below it is held',
    rules: ['lock-overlap'],
    bend: (story) => {
      insertAfter(
        story,
        'task.claimed',
        'gate',
        0,
        of('claimed', 'keep', 1, 'bob-id'),
        of('failed', 'keep', 1, 'bob-id'),
      )
      story.tasks.push({ id: 'keep', status: 'failed', attempt: 1, locks: '["file:src"]' })
    },
  },
  {
    what: 'one more holder of a pool than it has slots',
    rules: ['lock-overlap'],
    bend: (story) => {
      insertAfter(
        story,
        'task.locked',
        'gate',
        0,
        of('claimed', 'keep', 1, 'bob-id'),
        of('failed', 'keep', 1, 'bob-id'),
      )
      story.tasks.push({ id: 'keep', status: 'failed', attempt: 1, locks: '["pool:ci"]' })
    },
  },
  {
    what: 'a lock held by a task that has ended',
    rules: ['lock-kept'],
    bend: (story) => {
      story.locks.push({ lock: 'port:1', task: 'gate' })
      Object.assign(taskOf(story, 'gate'), { held_locks: 1 })
    },
  },
  {
    what: 'a task that counts a lock it does not hold',
    rules: ['lock-kept'],
    bend: (story) => Object.assign(taskOf(story, 'gate'), { held_locks: 1 }),
  },
  {
    what: 'a claim by an agent that is paused',
    rules: ['claimed-while-paused'],
    bend: (story) => Object.assign(eventOf(story, 'agent.paused', 'bob-id'), { subject: 'ada-id' }),
  },
  {
    what: 'a claim of an epic that is paused',
    rules: ['claimed-while-paused'],
    bend: (story) =>
      Object.assign(
        found(story.events, ({ type, data }) => type === 'task.claimed' && data?.['attempt'] === 4),
        { epic: 'water' },
      ),
  },
  {
    what: 'a claim in a project that is paused',
    rules: ['claimed-while-paused'],
    bend: (story) => Object.assign(eventOf(story, 'agent.paused', 'bob-id'), { type: 'project.paused' }),
  },
  {
    what: 'a claim before the answer',
    rules: ['claimed-without-answer', 'operator-event'],
    bend: (story) => drop(story, 'task.input_provided', 'mill'),
  },
  {
    what: 'a claim before the verdict',
    rules: ['claimed-without-answer'],
    bend: (story) => drop(story, 'task.rejected', 'gate'),
  },
  {
    what: 'a completion without its verification',
    rules: ['completed-unverified'],
    bend: (story) => Object.assign(taskOf(story, 'walls'), { acceptance: 'verify' }),
  },
  {
    what: 'a task verified by the agent that completed it',
    rules: ['verified-by-its-worker'],
    bend: (story) => Object.assign(eventOf(story, 'task.completed', 'gate'), { actor: 'ada-id' }),
  },
  {
    what: 'a retry of a task that had not failed',
    rules: ['reopened-unfailed'],
    bend: (story) => insertAfter(story, 'task.rejected', 'gate', 0, of('reopened', 'gate', 1, 'ada-id')),
  },
  {
    what: 'a task that its source opened again before its end',
    rules: ['reopened-unfailed'],
    bend: (story) => insertAfter(story, 'task.rejected', 'gate', 0, bySource('reopened', 'gate', 1)),
  },
  {
    what: 'a retry of a completed task',
    rules: ['reopened-unfailed'],
    bend: (story) =>
      insertAfter(
        story,
        'task.completed',
        'walls',
        0,
        of('reopened', 'walls', 2, 'tony-id'),
        bySource('completed', 'walls', 2),
      ),
  },
  {
    what: 'a retry without its event',
    rules: ['claimed-after-end', 'operator-event', 'terminal-events'],
    bend: (story) => drop(story, 'task.reopened', 'mill'),
  },
  {
    what: 'a lock taken without its event',
    rules: ['operator-event'],
    bend: (story) => drop(story, 'task.locked', 'gate'),
  },
  {
    what: 'a redrive of a message that was not dead',
    rules: ['redrive-alone'],
    bend: (story) => drop(story, 'message.dead', 'r1'),
  },
  {
    what: 'a redrive that is not counted',
    rules: ['redrive-alone'],
    bend: (story) => Object.assign(messageOf(story, 'r1'), { redrives: 0 }),
  },
]
