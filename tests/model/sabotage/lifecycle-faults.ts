import type { Fault } from './fault.ts'

const waiting = 'server/src/domain/tasks/queue-columns.ts'
const timeOut = 'server/src/sweeps/time-out-tasks.ts'

/** Faults in limits, questions, verdicts, updates and keys that the model of tasks must find. */
export const lifecycleFaults: readonly Fault[] = [
  {
    name: 'a retry keeps the failures',
    file: 'server/src/domain/tasks/queue-columns.ts',
    find: '    failures: 0,\n',
    replace: '',
  },
  {
    name: 'an ended task can be cancelled',
    file: 'server/src/operations/tasks/cancel.ts',
    find: "inLiterals(t.tasks.status, fromStatuses('cancel'))",
    replace: "inLiterals(t.tasks.status, [...fromStatuses('cancel'), 'completed'])",
  },
  {
    name: 'a cancel does not change the status',
    file: 'server/src/operations/tasks/cancel.ts',
    find: "        status: 'cancelled',\n        leaseToken: null,",
    replace: '        leaseToken: null,',
  },
  {
    name: 'an attempt has no time limit',
    file: waiting,
    find: 'earlierSql(tasks.closeBy, sql`(${now} + ${tasks.startToCloseMs})`)',
    replace: 'sql`coalesce(${tasks.closeBy}, ${now} + 31536000000)`',
  },
  {
    name: 'the wait for a claim has no time limit',
    file: waiting,
    find: 'earlierSql(closeBy, sql`(${from} + ${tasks.scheduleToStartMs})`)',
    replace: 'earlierSql(closeBy, sql`(${from} + null)`)',
  },
  {
    name: 'a task has no time limit in all',
    file: timeOut,
    find: 'if (closeBy !== null && closeBy <= now) return end',
    replace: 'if (closeBy !== null && closeBy < 0) return end',
  },
  {
    name: 'the default answer is not used',
    file: timeOut,
    find: '(await answerByDefault(tx, task)) ?? end',
    replace: 'end',
  },
  {
    name: 'a question counts as a failure',
    file: 'server/src/operations/tasks/request-input.ts',
    find: "      status: 'input_required',\n",
    replace: "      status: 'input_required',\n      failures: sql`${t.tasks.failures} + 1`,\n",
  },
  {
    name: 'an answer does not reach the next attempt',
    file: 'server/src/operations/tasks/provide-input.ts',
    find: 'inputRequest: null, input: p.input }',
    replace: 'inputRequest: null }',
  },
  {
    name: 'the worker of a task may accept it',
    file: 'server/src/operations/tasks/verify.ts',
    find: '    or(isNull(t.tasks.agentId), ne(t.tasks.agentId, p.by)),\n',
    replace: '',
  },
  {
    name: 'a task is not verified',
    file: 'server/src/domain/tasks/queue-columns.ts',
    find: "= 'verify' then 'in_review'",
    replace: "= 'verify' then 'completed'",
  },
  {
    name: 'a late result is lost',
    file: 'server/src/operations/tasks/late-completions.ts',
    find: 'if (orphaned) await saveOrphan',
    replace: 'if (orphaned && attempt > 99) await saveOrphan',
  },
  {
    name: 'an adopted result is not the kept one',
    file: 'server/src/operations/tasks/adopt.ts',
    find: '      result: sql`(${orphan.result})`,\n',
    replace: '',
  },
  {
    name: 'the revision is not checked',
    file: 'server/src/operations/tasks/update.ts',
    find: 'if (revision !== expectedRevision) {',
    replace: 'if (revision < 0) {',
  },
  {
    name: 'an idempotency key is not stored',
    file: 'server/src/guards/idempotency.ts',
    find: '  if (stored) return',
    replace: '  if (stored?.reply === "") return',
  },
  {
    name: 'an idempotency key accepts any input',
    file: 'server/src/guards/idempotency.ts',
    find: 'if (!isSameInput)',
    replace: 'if (!isSameInput && key === "")',
  },
  {
    name: 'a task that fails at its creation stays held',
    file: 'server/src/domain/tasks/enqueue.ts',
    find: 'hold: state.completedAt === null ? storedHoldOf(now, authorship, spec, origin) : null,',
    replace: 'hold: storedHoldOf(now, authorship, spec, origin),',
  },
]
