import type { Fault } from './fault.ts'

const waiting = 'server/src/domain/tasks/queue-columns.ts'
const timeOut = 'server/src/sweeps/time-out-tasks.ts'

/** Faults in limits, questions, verdicts, updates and keys that the model of tasks must find. */
export const lifecycleFaults: readonly Fault[] = [
  {
    name: 'a retry keeps the failures',
    file: 'server/src/operations/tasks/retry.ts',
    find: '      failures: 0,\n',
    replace: '',
  },
  {
    name: 'an ended task can be cancelled',
    file: 'server/src/operations/tasks/cancel.ts',
    find: "inLiterals(t.tasks.status, fromStatuses('cancel'))",
    replace: "inLiterals(t.tasks.status, [...fromStatuses('cancel'), 'completed'])",
  },
  {
    name: 'a cancel leaves the status',
    file: 'server/src/operations/tasks/cancel.ts',
    find: "        status: 'cancelled',\n        leaseToken: null,",
    replace: '        leaseToken: null,',
  },
  {
    name: 'an attempt may take for ever',
    file: waiting,
    find: 'earliest(tasks.closeBy, sql`(${now} + ${tasks.startToCloseMs})`)',
    replace: 'sql`coalesce(${tasks.closeBy}, ${now} + 31536000000)`',
  },
  {
    name: 'the wait for a claim may take for ever',
    file: waiting,
    find: 'earliest(closeBy, sql`(${from} + ${tasks.scheduleToStartMs})`)',
    replace: 'earliest(closeBy, sql`(${from} + null)`)',
  },
  {
    name: 'a task may take for ever in all',
    file: timeOut,
    find: 'if (closeBy !== null && closeBy <= now) return end',
    replace: 'if (closeBy !== null && closeBy < 0) return end',
  },
  {
    name: 'the default answer is not taken',
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
    name: 'an answer is not handed on',
    file: 'server/src/operations/tasks/provide-input.ts',
    find: 'inputRequest: null, input: p.input }',
    replace: 'inputRequest: null }',
  },
  {
    name: 'whoever completed a task may accept it',
    file: 'server/src/operations/tasks/verify.ts',
    find: '    or(isNull(t.tasks.agentId), ne(t.tasks.agentId, p.by)),\n',
    replace: '',
  },
  {
    name: 'what is to be verified is not',
    file: 'server/src/operations/tasks/complete.ts',
    find: "= 'verify' then 'in_review'",
    replace: "= 'verify' then 'completed'",
  },
  {
    name: 'a result that comes too late is lost',
    file: 'server/src/operations/tasks/late-completions.ts',
    find: 'if (orphaned) await saveOrphan',
    replace: 'if (orphaned && attempt > 99) await saveOrphan',
  },
  {
    name: 'an adopted result is not the one that was kept',
    file: 'server/src/operations/tasks/adopt.ts',
    find: '      result: sql`(${orphan.result})`,\n',
    replace: '',
  },
  {
    name: 'the revision is not asked for',
    file: 'server/src/operations/tasks/update.ts',
    find: 'if (revision !== expectedRevision) {',
    replace: 'if (revision < 0) {',
  },
  {
    name: 'a key is forgotten',
    file: 'server/src/guards/idempotency.ts',
    find: '  if (stored) return',
    replace: '  if (stored?.reply === "") return',
  },
  {
    name: 'a key is good for any input',
    file: 'server/src/guards/idempotency.ts',
    find: 'if (existing.inputHash !== inputHash)',
    replace: 'if (existing.inputHash === "")',
  },
]
