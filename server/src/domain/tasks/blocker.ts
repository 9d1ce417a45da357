import type { Reader } from '../../store/store.ts'
import { isEpicPaused } from '../projects/epics.ts'
import { firstConflictOf } from './locks.ts'
import { epicBlocker } from './parking.ts'

/** A task in line, as far as something that is not about agents may keep it from being claimed. */
interface Candidate {
  readonly id: string
  /** Null where no epic of the project is paused either. */
  readonly epic: string | null
  /** A JSON list; null for none. */
  readonly locks: string | null
}

/** What keeps everybody from a task that is in line, as a mark to park it on. Whoever takes the locks it finds free asks for `exclusive('locks')` before. */
export async function blockerOf(
  reader: Reader,
  project: string,
  { id, epic, locks }: Candidate,
): Promise<string | undefined> {
  if (epic !== null && (await isEpicPaused(reader, project, epic))) return epicBlocker(epic)
  if (locks === null) return undefined
  return (await firstConflictOf(reader, { project, taskId: id, locks: JSON.parse(locks) }))?.lock
}
