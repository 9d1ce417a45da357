import { exampleLease, type OperationTexts } from '../operation-text.ts'

/** The texts of the procedures of a worker. */
export const leaseTexts: OperationTexts = {
  'tasks.claim': {
    summary: 'Claim tasks',
    description:
      'Leases up to 32 tasks to the caller. With waitMs the call waits until there is one. The list is empty if there is none.',
    input: { limit: 1, leaseMs: 60_000, waitMs: 0 },
  },
  'tasks.next': {
    summary: 'Complete a task and claim the next',
    description: 'Completes one lease and claims the next task in one transaction. With waitMs it waits for that task.',
    input: { completed: { ...exampleLease, result: { commit: '4f2c1ab' } }, waitMs: 0 },
  },
  'tasks.work': {
    summary: 'Stream of claimed tasks',
    description: 'Claims tasks for the caller as long as it has free slots. Each event is a task with its lease.',
    input: { slots: 1 },
  },
  'tasks.extend': {
    summary: 'Extend a lease',
    description: 'Moves the expiry of the lease. A heartbeat that lists the lease does the same.',
    input: { ...exampleLease, leaseMs: 60_000 },
  },
  'tasks.lock': {
    summary: 'Take locks under a lease',
    description: 'Takes more locks, all or none. They are released with the lease.',
    input: { ...exampleLease, locks: ['file:src/login/'] },
  },
  'tasks.progress': {
    summary: 'Report progress',
    description: 'Stores how far the work is. The details are passed to the next attempt.',
    input: { ...exampleLease, percent: 50, message: 'The form is done, the tests are next.' },
  },
  'tasks.complete': {
    summary: 'Complete a task',
    description:
      'Ends the task with its result. A task that needs verification is then in review. It can be repeated with the same token.',
    input: {
      ...exampleLease,
      result: { commit: '4f2c1ab' },
      artifacts: [{ name: 'report', uri: 'https://example.com/report.html', mediaType: 'text/html' }],
    },
  },
  'tasks.fail': {
    summary: 'Fail an attempt',
    description: 'Ends the attempt. The task is claimable again after a backoff, unless it has no attempts left.',
    input: { ...exampleLease, error: 'The tests do not start.', retryable: true },
  },
  'tasks.release': {
    summary: 'Release a lease',
    description: 'Returns the task to the queue. It is no failure.',
    input: { ...exampleLease },
  },
  'tasks.requestInput': {
    summary: 'Ask a question about a task',
    description: 'Releases the lease with a question. The answer is the input of the next attempt.',
    input: { ...exampleLease, question: 'Which layout?', options: ['first', 'second'] },
  },
}
