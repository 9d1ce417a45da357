import type { Reader } from '../../store/store.ts'
import { isEpicPaused } from '../projects/epics.ts'
import { firstLockConflictOf } from './locks.ts'
import { epicBlocker } from './parking.ts'

/** A task of the queue with the fields that can block it for every agent. */
interface BlockableTask {
  readonly id: string
  /** Null if no epic of the project is paused. */
  readonly epic: string | null
  /** A JSON list; null for none. */
  readonly locks: string | null
}

/**
 * Returns the lock or paused epic that blocks a task for every agent, as the mark to park it with.
 * A caller that takes the free locks must call `exclusive('locks')` first.
 */
export async function blockerOf(
  reader: Reader,
  project: string,
  { id, epic, locks }: BlockableTask,
): Promise<string | undefined> {
  if (epic !== null && (await isEpicPaused(reader, project, epic))) return epicBlocker(epic)
  if (locks === null) return undefined
  return (await firstLockConflictOf(reader, { project, taskId: id, locks: JSON.parse(locks) }))?.lock
}
