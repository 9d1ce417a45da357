import type { Fault } from './fault.ts'

const derived = 'server/src/domain/tasks/derived-dependencies.ts'
const changed = 'server/src/domain/tasks/change-dependencies.ts'
const edgeChange = 'server/src/domain/tasks/edge-change.ts'
const dependents = 'server/src/domain/tasks/dependents.ts'
const kinds = 'server/src/domain/tasks/dependency-kinds.ts'
const hold = 'server/src/operations/tasks/hold.ts'

/** Faults in holds, kinds of dependencies and parents that the model of families must find. */
export const familyFaults: readonly Fault[] = [
  {
    name: 'a new task is claimable in spite of its hold',
    file: 'server/src/domain/tasks/new-task.ts',
    find: 'const isWaiting = openDeps > 0 || spec.hold !== undefined',
    replace: 'const isWaiting = openDeps > 0',
  },
  {
    name: 'a hold leaves its task in the queue',
    file: hold,
    find: '      hold: p.hold,\n      ready: null,\n',
    replace: '      hold: p.hold,\n',
  },
  {
    name: 'a task whose hold is lifted does not return to the queue',
    file: hold,
    find: 'case when ${isPending} and not ${later} then ${tasks.routeId} end',
    replace: 'case when ${isPending} and ${later} then ${tasks.routeId} end',
  },
  {
    name: 'the last dependency of a held task makes it claimable',
    file: dependents,
    find: 'not ${later} and ${t.tasks.hold} is null`',
    replace: 'not ${later}`',
  },
  {
    name: 'a parent does not wait for its children',
    file: derived,
    find: '      edges.add({ taskId: parentId, dependsOnId: id, kind: dependencyKinds.child })',
    replace: '      edges.edgesOf(parentId)',
  },
  {
    name: 'a child does not wait for what its parent waits for',
    file: derived,
    find: '      if (inherited !== undefined) edges.add({',
    replace: '      if (inherited !== undefined && id === "") edges.add({',
  },
  {
    name: 'a child waits for a task that waits for it',
    file: derived,
    find: 'waitKinds.includes(kind) && this.#reaches(dependsOnId, taskId)) {',
    replace: 'waitKinds.includes(kind) && this.#reaches(dependsOnId, "")) {',
  },
  {
    name: 'a later child of a task does not hold those that wait for its children',
    file: derived,
    find: '      if (waiting.dependsOnId === parentId)',
    replace: '      if (waiting.dependsOnId === id)',
  },
  {
    name: 'new dependencies of a parent do not reach its children',
    file: changed,
    find: '  if (hasFamily)\n',
    replace: '  if (!hasFamily)\n',
  },
  {
    name: 'an old derived edge keeps a new one from being added',
    file: edgeChange,
    find: '    for (const [id, parentId] of family) {\n',
    replace: '    for (const [id, parentId] of [...family].slice(0, 1)) {\n',
  },
  {
    name: 'a failure meets an ordinary dependency',
    file: kinds,
    find: 'failed: [failure, child,',
    replace: 'failed: [blocks, failure, child,',
  },
  {
    name: 'a completion meets a dependency on a failure',
    file: kinds,
    find: 'completed: [blocks, child,',
    replace: 'completed: [blocks, failure, child,',
  },
  {
    name: 'a cancelled child holds its parent for ever',
    file: kinds,
    find: 'cancelled: [child, childOf]',
    replace: 'cancelled: [childOf]',
  },
  {
    name: 'a failed child that is tried again does not hold its parent',
    file: 'server/src/operations/tasks/retry.ts',
    find: '  await blockDependents(tx, taskId, actor)\n',
    replace: '',
  },
  {
    name: 'a parent ends with its children although one has failed',
    file: dependents,
    find: '        notExists(failedChild),\n',
    replace: '',
  },
  {
    name: 'a held parent ends with its children',
    file: dependents,
    find: '        isNull(t.tasks.hold),\n        exists(anyChild),',
    replace: '        exists(anyChild),',
  },
  {
    name: 'a task without children ends with its dependency',
    file: dependents,
    find: '        exists(anyChild),\n',
    replace: '',
  },
  {
    name: 'a parent never ends with its children',
    file: dependents,
    find: 'if (row.rollsUp === 1 && (await',
    replace: 'if (row.rollsUp === 2 && (await',
  },
  {
    name: 'a paused epic does not hold its tasks',
    file: 'server/src/domain/tasks/blocker.ts',
    find: 'if (epic !== null && (await',
    replace: 'if (epic === "" && (await',
  },
]
