import { type Broken, drop, eventOf, insertAfter, opAt, taskOf } from './broken-story.ts'
import { of, write } from './planted-ops.ts'

export const brokenTasks: readonly Broken[] = [
  {
    what: 'a task completed by two calls',
    rules: ['completed-once'],
    bend: (story) => story.ops.push(write('bob', 'complete', 215, 'walls', 2, 'completed')),
  },
  {
    what: 'an acknowledged completion of a task that failed',
    rules: ['completion-event', 'completion-lost'],
    bend: (story) => story.ops.push(write('bob', 'complete', 330, 'moat', 1, 'completed')),
  },
  {
    what: 'a task completed although its only completion was refused',
    rules: ['completion-unknown'],
    bend: (story) => Object.assign(opAt(story, 300), { type: 'fail' }),
  },
  {
    what: 'a completion under the name of another agent',
    rules: ['completion-attempt'],
    bend: (story) => Object.assign(taskOf(story, 'walls'), { agent_id: 'ada-id' }),
  },
  {
    what: 'a completion under an invented token',
    rules: ['completion-attempt'],
    bend: (story) => Object.assign(opAt(story, 210), { in: { completed: { taskId: 'walls', leaseToken: 'made-up' } } }),
  },
  {
    what: 'a completion by a client that the log does not name',
    rules: ['completion-attempt'],
    bend: (story) => {
      Object.assign(opAt(story, 210), { f: 'claim' })
      story.ops.push(write('ada', 'complete', 209, 'walls', 2, 'completed'))
    },
  },
  {
    what: 'a completion logged for the attempt before',
    rules: ['completion-attempt', 'completion-unknown', 'stale-event'],
    bend: (story) =>
      Object.assign(eventOf(story, 'task.completed', 'walls'), { data: { attempt: 1, agentId: 'ada-id' } }),
  },
  {
    what: 'a task claimed while its dependency was not completed',
    rules: ['started-before-dependency'],
    bend: (story) => story.events.push(...drop(story, 'task.completed', 'walls')),
  },
  {
    what: 'a task claimed whose dependency was never logged as completed',
    rules: ['completion-event', 'started-before-dependency', 'terminal-events'],
    bend: (story) => drop(story, 'task.completed', 'walls'),
  },
  {
    what: 'a task claimed whose dependency was cancelled unclaimed',
    rules: ['started-before-dependency', 'open-deps-wrong'],
    bend: (story) => story.dependencies.push({ task: 'roof', on: 'tower' }),
  },
  {
    what: 'a task claimed whose dependency failed',
    rules: ['started-before-dependency', 'open-deps-wrong'],
    bend: (story) => story.dependencies.push({ task: 'roof', on: 'moat' }),
  },
  {
    what: 'an open dependency that is not counted',
    rules: ['open-deps-wrong'],
    bend: (story) => Object.assign(taskOf(story, 'tower'), { open_deps: 0 }),
  },
  {
    what: 'a status that does not exist',
    rules: ['task-status', 'task-unfinished', 'terminal-events'],
    bend: (story) => Object.assign(taskOf(story, 'moat'), { status: 'lost' }),
  },
  {
    what: 'a task left over',
    rules: ['task-unfinished'],
    bend: (story) => story.tasks.push({ id: 'well', status: 'pending' }),
  },
  {
    what: 'a task that ended twice',
    rules: ['terminal-events'],
    bend: (story) => insertAfter(story, 'task.failed', 'moat', 0, of('cancelled', 'moat', 1, 'tony-id')),
  },
  {
    what: 'a task completed twice in the log',
    rules: ['completion-event', 'terminal-events'],
    bend: (story) => insertAfter(story, 'task.completed', 'walls', 0, of('completed', 'walls', 2, 'bob-id')),
  },
  {
    what: 'a task claimed after its end',
    rules: ['claimed-after-end'],
    bend: (story) => {
      insertAfter(story, 'task.failed', 'moat', 0, of('claimed', 'moat', 2, 'ada-id'))
      Object.assign(taskOf(story, 'moat'), { attempt: 2 })
    },
  },
  {
    what: 'an ended task that can be claimed',
    rules: ['ended-but-ready'],
    bend: (story) => Object.assign(taskOf(story, 'moat'), { ready: 1 }),
  },
]
