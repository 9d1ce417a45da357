import type { Fault } from './fault.ts'

const claim = 'server/src/operations/tasks/claim.ts'
const failing = 'server/src/domain/tasks/failure.ts'
const expire = 'server/src/sweeps/expire-leases.ts'
const release = 'server/src/domain/tasks/release-lease.ts'
const dependents = 'server/src/domain/tasks/dependents.ts'

/** Faults that the model of tasks must find. */
export const taskFaults: readonly Fault[] = [
  {
    name: 'a claimed task can be claimed again',
    file: claim,
    find: '      ready: null,\n      notBefore: null,\n      agentId',
    replace: "      status: 'pending',\n      notBefore: null,\n      agentId",
  },
  {
    name: 'a claim does not count as an attempt',
    file: claim,
    find: 'attempt: sql`${t.tasks.attempt} + 1`,\n      revision',
    replace: 'attempt: sql`${t.tasks.attempt}`,\n      revision',
  },
  {
    name: 'a claim takes one task more than its limit',
    file: claim,
    find: 'while (tasks.length < limit)',
    replace: 'while (tasks.length <= limit)',
  },
  {
    name: 'a repeated claim returns ended leases',
    file: claim,
    find: "eq(t.tasks.attempt, p.attempt), equalsLiteral(t.tasks.status, 'in_progress')",
    replace: 'eq(t.tasks.attempt, p.attempt)',
  },
  {
    name: 'the lowest priority goes first',
    file: 'server/src/operations/tasks/queue-heads.ts',
    find: 'a.rank < b.rank ||',
    replace: 'a.rank > b.rank ||',
  },
  {
    name: 'a returned task loses its queue position',
    file: 'server/src/operations/tasks/queue-heads.ts',
    find: 'orderBy(t.tasks.rank, t.tasks.ord)',
    replace: 'orderBy(t.tasks.rank, t.tasks.revision)',
  },
  {
    name: 'the younger of two queue heads goes first',
    file: 'server/src/operations/tasks/queue-heads.ts',
    find: 'a.ord < b.ord',
    replace: 'a.ord > b.ord',
  },
  {
    name: 'a low task never ages',
    file: 'server/src/sweeps/age-tasks.ts',
    find: 'set({ rank: agedRank })',
    replace: 'set({ rank: 4 })',
  },
  {
    name: 'a dependency that is not completed does not count',
    file: 'server/src/domain/tasks/dependency-graph.ts',
    find: 'edges.filter(({ dependsOnId, kind }) => isOpenEdge(kind, ',
    replace: "edges.filter(({ dependsOnId, kind }) => statuses.get(dependsOnId) === 'in_progress' && isOpenEdge(kind, ",
  },
  {
    name: 'the first completed dependency unblocks',
    file: dependents,
    find: "= 'blocked' and ${t.tasks.openDeps} = 1`",
    replace: "= 'blocked' and ${t.tasks.openDeps} >= 1`",
  },
  {
    name: 'no task fails with its dependency',
    file: dependents,
    find: "equalsLiteral(t.tasks.onDependencyFailure, 'fail'),",
    replace: "equalsLiteral(t.tasks.onDependencyFailure, 'never'),",
  },
  {
    name: 'a cascade ends after one level',
    file: dependents,
    find: '    level = nextLevel\n',
    replace: '    level = []\n',
  },
  {
    name: 'a cycle is not refused',
    file: 'server/src/domain/tasks/dependency-graph.ts',
    find: '    if (closes)\n',
    replace: '    if (closes && own.length > 99)\n',
  },
  {
    name: 'notBefore is ignored',
    file: 'server/src/domain/tasks/new-task.ts',
    find: 'const ready = !isWaiting && from <= now',
    replace: 'const ready = !isWaiting',
  },
  {
    name: 'capabilities are ignored',
    file: 'server/src/domain/tasks/claim-waiters.ts',
    find: '  return requires.every((capability) => claimant.capabilities.has(capability))',
    replace: '  return requires.length < 99',
  },
  {
    name: 'the assignee is ignored',
    file: 'server/src/domain/tasks/claim-group-cache.ts',
    find: 'return [...unassigned, ...this.#matchingIds(claimant, claimant.agentId)]',
    replace:
      'return [...this.#byAssignee.keys()].flatMap((one) => [...this.#matchingIds({ ...claimant, agentId: one }, one)])',
  },
  {
    name: 'a stale token completes',
    file: 'server/src/domain/tasks/lease.ts',
    find: '    eq(t.tasks.leaseToken, p.leaseToken),\n',
    replace: '',
  },
  {
    name: 'a token is accepted from another agent',
    file: 'server/src/domain/tasks/lease.ts',
    find: '    eq(t.tasks.agentId, p.agentId),\n',
    replace: '',
  },
  {
    name: 'an expired lease can be extended',
    file: 'server/src/domain/tasks/extend-lease.ts',
    find: 'and(matchesHeldLeaseSql({ t, p }), gt(t.tasks.leaseExpiresAt, p.arrivedAt))',
    replace: 'matchesHeldLeaseSql({ t, p })',
  },
  {
    name: 'an extension has the default length',
    file: 'server/src/domain/tasks/extend-lease.ts',
    find: 'coalesce(${p.leaseMs}, ${t.tasks.leaseMs})',
    replace: 'coalesce(${p.leaseMs}, 30000)',
  },
  {
    name: 'a late completion is refused before another claim',
    file: expire,
    find: "      error: 'the lease expired',",
    replace: "      error: 'the lease expired',\n      leaseToken: null,",
  },
  {
    name: 'a lease never expires',
    file: expire,
    find: 'hasOverdueLeases(reader, project)))\n      ?',
    replace: 'hasOverdueLeases(reader, project))) && project === ""\n      ?',
  },
  {
    name: 'an expiry counts no failure',
    file: expire,
    find: 'failures: sql`${t.tasks.failures} + 1`,',
    replace: '',
  },
  {
    name: 'an expiry ends the task one attempt too late',
    file: expire,
    find: 'sql`${t.tasks.failures} + 1 < ${t.tasks.maxAttempts}`',
    replace: 'sql`${t.tasks.failures} < ${t.tasks.maxAttempts}`',
  },
  {
    name: 'a release counts as a failure',
    file: release,
    find: '  ...requeueColumns(t, now),\n  leaseToken: null,',
    replace: '  ...requeueColumns(t, now),\n  failures: sql`${t.tasks.failures} + 1`,\n  leaseToken: null,',
  },
  {
    name: 'a released lease can still be completed',
    file: release,
    find: '  ...requeueColumns(t, now),\n  leaseToken: null,\n',
    replace: '  ...requeueColumns(t, now),\n',
  },
  {
    name: 'one heartbeat that does not list a lease releases it',
    file: release,
    find: 'const unlistedHeartbeatLimit = 2',
    replace: 'const unlistedHeartbeatLimit = 1',
  },
  {
    name: 'a heartbeat that lists a lease does not reset the count',
    file: 'server/src/domain/tasks/extend-lease.ts',
    find: ', unlistedBeats: 0 })',
    replace: ' })',
  },
  {
    name: 'the backoff does not double',
    file: failing,
    find: 'backoffMsSql(t.tasks.failures, retryPolicy)',
    replace: 'backoffMsSql(sql`0`, retryPolicy)',
  },
  {
    name: 'a failure ends the task one attempt too late',
    file: failing,
    find: '${t.tasks.failures} + 1 < ${t.tasks.maxAttempts}',
    replace: '${t.tasks.failures} + 1 <= ${t.tasks.maxAttempts}',
  },
  {
    name: 'a failure that is not retryable is retried',
    file: failing,
    find: '${retryable} = 1 and',
    replace: '${retryable} in (0, 1) and',
  },
  {
    name: 'the delay of a worker is ignored',
    file: failing,
    find: 'coalesce(${delayMs}, cast(',
    replace: 'coalesce(nullif(${delayMs}, ${delayMs}), cast(',
  },
]
