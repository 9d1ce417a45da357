import type { Fault } from '../../model/sabotage/fault.ts'
import { Answers } from './acknowledged.ts'
import { Disk } from './disk.ts'
import { type ImageCounts, judgeImages } from './judged-images.ts'
import { type Recording, recordRun, withFolder } from './recording.ts'

export interface PowerCutsOptions {
  readonly tasks: number
  readonly images: number
  readonly seed: number
  readonly faults?: readonly Fault[]
}

export interface PowerCuts extends ImageCounts {
  /** Files of acknowledged backups that a power cut could have taken back. */
  readonly unsynced: readonly string[]
  readonly recording: Pick<Recording, 'operations' | 'ends'>
}

/** Finds the files of acknowledged backups that were not on the disk before the answer was sent. */
function unsyncedBackups({ data, histories, operations }: Recording): string[] {
  const answers = new Answers(histories, operations)
  const disk = new Disk(data)
  const unsynced: string[] = []
  let applied = 0
  for (const { path, place } of answers.backups()) {
    for (; (operations[applied]?.end ?? Number.POSITIVE_INFINITY) <= place; applied += 1) {
      const operation = operations[applied]
      if (operation) disk.apply(operation)
    }
    const files = [path, `${path}.json`].map((file) => file.slice(data.length + 1))
    unsynced.push(...files.filter((file) => !disk.isDurable(file)))
  }
  return unsynced
}

/**
 * Records a run of the server, in which it is killed once and stopped once, and judges images of
 * power cuts anywhere in it.
 */
export const cutPower = ({ tasks, images, seed, faults = [] }: PowerCutsOptions): Promise<PowerCuts> =>
  withFolder(async (folder) => {
    const first = { POWER_KILL: String(tasks * 70) }
    const recording = await recordRun({ folder, tasks, seed, faults, first, restarts: true })
    const judged = await judgeImages(recording, { images, imagesPerCut: 3, seed })
    const { operations, ends } = recording
    return { ...judged, unsynced: unsyncedBackups(recording), recording: { operations, ends } }
  })
