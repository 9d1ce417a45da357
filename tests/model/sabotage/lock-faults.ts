import type { Fault } from './fault.ts'

const locks = 'server/src/domain/tasks/locks.ts'
const parking = 'server/src/domain/tasks/parking.ts'
const obstacle = 'server/src/domain/tasks/blocker.ts'
const claim = 'server/src/operations/tasks/claim.ts'

/** Faults that the model of locks, pools and pauses must find. */
export const lockFaults: readonly Fault[] = [
  {
    name: 'a lock stays when its lease ends',
    file: 'server/src/domain/tasks/lease.ts',
    find: 'if (row.heldLocks > 0) await releaseLocks',
    replace: 'if (row.heldLocks > 99) await releaseLocks',
  },
  {
    name: 'a path does not conflict with the paths above it',
    file: locks,
    find: 'for (const ancestor of pathAndAncestorsOf(lock)) {',
    replace: 'for (const ancestor of pathAndAncestorsOf(lock).slice(-1)) {',
  },
  {
    name: 'a path does not conflict with the paths below it',
    file: locks,
    find: 'gt(t.locks.lock, p.from),\n        lt(t.locks.lock, p.to),',
    replace: 'lt(t.locks.lock, p.from),\n        gt(t.locks.lock, p.to),',
  },
  {
    name: 'a path conflicts with another path of the same beginning',
    file: locks,
    find: '{ from: `${path}/`, to: `${path}0` }',
    replace: '{ from: path, to: `${path}~` }',
  },
  {
    name: 'a pool has one slot too many',
    file: locks,
    find: '(await countFreeSlots(reader, project, lock)) > 0',
    replace: '(await countFreeSlots(reader, project, lock)) >= 0',
  },
  {
    name: 'a pool has one slot too few',
    file: locks,
    find: '(await countFreeSlots(reader, project, lock)) > 0',
    replace: '(await countFreeSlots(reader, project, lock)) > 1',
  },
  {
    name: 'a key has several holders',
    file: locks,
    find: '      return (await reader.run(findHolderAt, request))[0]',
    replace: '      return undefined',
  },
  {
    name: 'only the first of several locks is checked',
    file: locks,
    find: '  for (const lock of locks) {\n    const conflict',
    replace: '  for (const lock of locks.slice(0, 1)) {\n    const conflict',
  },
  {
    name: 'only the first of the locks taken later is stored',
    file: 'server/src/operations/tasks/lock.ts',
    find: '    await insertLocks(tx, { project, taskId, locks })',
    replace: '    await insertLocks(tx, { project, taskId, locks: locks.slice(0, 1) })',
  },
  {
    name: 'a conflicting lock is taken under a lease',
    file: 'server/src/operations/tasks/lock.ts',
    find: '    if (conflict) refuseConflict(conflict)\n',
    replace: '',
  },
  {
    name: 'a claim does not take the locks',
    file: claim,
    find: '  await insertLocks(tx, { project, taskId: row.id, locks })\n',
    replace: '',
  },
  {
    name: 'a claim does not check the locks',
    file: obstacle,
    find: 'if (locks === null) return undefined',
    replace: "if (locks !== '') return undefined",
  },
  {
    name: 'a parked task stays parked when the lock is free',
    file: locks,
    find: '    await unparkFirstTasks(tx, row.projectId, lock, limit)\n',
    replace: '',
  },
  {
    name: 'a parked task loses its queue position',
    file: parking,
    find: 'set({ ready: null, parkedOn: p.blocker })',
    replace: 'set({ ready: null, parkedOn: p.blocker, rank: 4 })',
  },
  {
    name: 'a paused agent gets tasks',
    file: claim,
    find: 'if (admission.paused || admission.draining)',
    replace: 'if (admission.draining)',
  },
  {
    name: 'a draining agent gets tasks',
    file: claim,
    find: 'if (admission.paused || admission.draining)',
    replace: 'if (admission.paused)',
  },
  {
    name: 'tasks of a paused epic are claimed',
    file: claim,
    find: 'admission.pausedEpics ? head :',
    replace: '!admission.pausedEpics ? head :',
  },
  {
    name: 'tasks of a paused project are claimed',
    file: 'server/src/domain/agents/admission.ts',
    find: ' or ${t.projects.pausedAt} is not null',
    replace: '',
  },
  {
    name: 'an aged task that cannot be claimed stays aged',
    file: 'server/src/sweeps/age-tasks.ts',
    find: 'if (endsUnblocked(agedSteps)) return []',
    replace: 'if (agedSteps.length > 0) return []',
  },
  {
    name: 'a task that cannot be claimed ages',
    file: 'server/src/sweeps/age-tasks.ts',
    find: 'const blocker = await blockerOf(reader, project, task)',
    replace: 'const blocker = await blockerOf(reader, project, { ...task, locks: null })',
  },
]
