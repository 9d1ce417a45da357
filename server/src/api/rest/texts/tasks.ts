import { exampleIds, type OperationTexts } from '../operation-text.ts'

const { agent, task } = exampleIds

/** The texts of the procedures that create, change and show tasks. */
export const taskTexts: OperationTexts = {
  'tasks.create': {
    summary: 'Create a task',
    description:
      'Creates one task. It is pending, or blocked if it waits for other tasks. Unknown fields are kept in metadata.',
    input: {
      type: 'implementation',
      title: 'Add the login page',
      description: 'A form with a name and a password.',
      epic: 'accounts',
      priority: 'high',
      metadata: { ticket: 'WEB-12' },
    },
  },
  'tasks.createMany': {
    summary: 'Create up to 200 tasks',
    description:
      'Creates the tasks in one transaction, all or none. A key names a task within the call for dependsOn and parentId.',
    input: {
      tasks: [
        { key: 'design', type: 'design', title: 'Draw the login page' },
        { type: 'implementation', title: 'Build the login page', dependsOn: ['design'] },
      ],
    },
  },
  'tasks.cancel': {
    summary: 'Cancel a task',
    description:
      'Ends the task as cancelled. After the reply no completion succeeds; the holder is told by its next heartbeat.',
    input: { taskId: task, reason: 'The page is not needed any more.' },
  },
  'tasks.cancelMany': {
    summary: 'Cancel the tasks of a filter',
    description: 'Cancels up to 500 tasks in one transaction. While more is true, call again.',
    input: { filter: { taskIds: [task] }, reason: 'The epic was dropped.' },
  },
  'tasks.retry': {
    summary: 'Retry a failed task',
    description: 'Makes a failed task claimable again, with all its attempts.',
    input: { taskId: task },
  },
  'tasks.retryMany': {
    summary: 'Retry the failed tasks of a filter',
    description: 'Makes up to 500 failed tasks claimable again. While more is true, call again.',
    input: { filter: { taskIds: [task] } },
  },
  'tasks.provideInput': {
    summary: 'Answer the question of a worker',
    description: 'Gives the answer that the task waits for. It is the input of the next attempt.',
    input: { taskId: task, answer: 'Use the second layout.' },
  },
  'tasks.verify': {
    summary: 'Accept or reject a result',
    description: 'Completes a task in review, or returns it to the queue with the note. Not by the agent that did it.',
    input: { taskId: task, accept: false, note: 'The form has no label.' },
  },
  'tasks.adopt': {
    summary: 'Adopt a late result',
    description: 'Ends the task with the result of a completion that came too late to count.',
    input: { taskId: task, attempt: 1 },
  },
  'tasks.update': {
    summary: 'Change a task',
    description: 'Changes the given fields only; null removes an optional value. A stale revision is refused.',
    input: { taskId: task, expectedRevision: 1, title: 'Add the login page and its tests', priority: 'normal' },
  },
  'tasks.hold': {
    summary: 'Hold a task',
    description: 'Keeps a pending or blocked task from being claimed until it is unheld.',
    input: { taskId: task, reason: 'The design is not decided.' },
  },
  'tasks.unhold': {
    summary: 'End the hold of a task',
    description: 'Makes a held task claimable again, if nothing else keeps it.',
    input: { taskId: task },
  },
  'tasks.get': {
    summary: 'Read a task',
    description: 'Returns one task with its result, its artifacts and its last error. The ETag is its revision.',
    input: { taskId: task },
  },
  'tasks.list': {
    summary: 'List tasks',
    description: 'Returns a page of tasks in order of their creation. The Link leads to the next page.',
    input: { status: 'pending', limit: 2 },
  },
  'tasks.tree': {
    summary: 'Read a tree of tasks',
    description:
      'Returns the descendants of a task, or the tasks of an epic or a story with their progress and, if wanted, their dependencies.',
    input: { taskId: task, depth: 2 },
  },
  'tasks.explain': {
    summary: 'Explain why a task is not running',
    description: 'Names what keeps the task from running, and for each agent why it may not claim it.',
    input: { taskId: task },
  },
  'locks.list': {
    summary: 'List the held locks and the pools',
    description: 'Returns each held lock and each pool with its holders and the tasks that wait for it.',
    input: { limit: 50 },
  },
  'plans.begin': {
    summary: 'Begin a plan',
    description: 'Opens a plan, which collects the tasks of an import until its commit publishes them.',
    input: { name: 'accounts' },
  },
  'plans.add': {
    summary: 'Add tasks to a plan',
    description: 'Stages up to 200 tasks. A task replaces a staged one with the same externalId.',
    input: {
      planId: exampleIds.plan,
      tasks: [
        { externalId: 'A-1', type: 'design', title: 'Draw the login page' },
        { externalId: 'A-2', type: 'implementation', title: 'Build the login page', dependsOn: ['A-1'] },
      ],
    },
  },
  'plans.commit': {
    summary: 'Publish a plan',
    description: 'Publishes the staged tasks, or none of them if one is refused. It can be repeated.',
    input: { planId: exampleIds.plan },
  },
  'plans.abort': {
    summary: 'Abort a plan',
    description: 'Discards the plan and its staged tasks. Published tasks stay.',
    input: { planId: exampleIds.plan },
  },
  'requests.route': {
    summary: 'Ask an agent and wait for its answer',
    description:
      'Sends a request to the target, or to the least busy agent with the capability of the method. The reply is its answer.',
    input: { method: 'review', params: { file: 'src/login.ts' }, target: agent, timeoutMs: 30_000 },
  },
  'requests.reply': {
    summary: 'Answer a request',
    description: 'Answers with a result or an error, and acks the message of the request.',
    input: { requestId: exampleIds.request, result: { verdict: 'good' } },
  },
}
