import type { Fault } from '../../model/sabotage/fault.ts'
import { judgeImages } from './judged-images.ts'
import { type Recording, recordRun, withFolder } from './recording.ts'
import type { Operation } from './trace.ts'

const tasks = 20
const calls = ['sync', 'write', 'read'] as const

/** The result of a run with one I/O error. */
export interface ErrorRun {
  /** The call that failed and its number, such as `sync:7`. */
  readonly error: string
  /** False if the run ended before this call. */
  readonly reached: boolean
  readonly images: number
  /** Empty if the server did everything right. */
  readonly problems: readonly string[]
}

/** The calls of a run without an error that can fail. */
async function countCalls(): Promise<Record<string, number>> {
  const { operations } = await withFolder((folder) =>
    recordRun({ folder, tasks, seed: 1, first: { POWER_READS: '1' } }),
  )
  const canFail = canFailIn(operations)
  return Object.fromEntries(calls.map((call) => [call, canFail.filter(({ kind }) => kind === call).length]))
}

const pathsOf = (operations: readonly Operation[]): Map<number, string> =>
  new Map(operations.filter(({ kind }) => kind === 'open').map(({ handle, path }) => [handle, path]))

/** The operations on the files that an error of the recorder can meet. */
export function canFailIn(operations: readonly Operation[]): readonly Operation[] {
  const paths = pathsOf(operations)
  return operations.filter(({ handle }) => /(\.db|-wal|\.partial)$/.test(paths.get(handle) ?? ''))
}

/** Errors in equal distances over a run, of each call in turn. */
export async function chooseErrors(count: number): Promise<string[]> {
  const counted = await countCalls()
  const perCall = Math.ceil(count / calls.length)
  return Array.from({ length: count }, (_, index) => {
    const call = calls[index % calls.length] ?? 'sync'
    const share = (Math.floor(index / calls.length) + 0.5) / perCall
    return `${call}:${1 + Math.floor((counted[call] ?? 0) * share)}`
  })
}

/**
 * The process must end with exit code 1 and the name of the error. After a failed backup it may
 * continue. If the error comes during its stop, no other process follows.
 */
function endProblems({ operations, ends }: Recording, failed: Operation): string[] {
  const path = pathsOf(operations).get(failed.handle) ?? ''
  const [first, last] = [ends[0], ends.at(-1)]
  const isRight = last?.code === 0 || (ends.length === 1 && first?.code === 1)
  const problems = isRight ? [] : [`the last process ended with code ${last?.code}: ${last?.errors}`]
  const isNamed = /SQLITE_(IOERR|CORRUPT)|EIO|STORE_UNAVAILABLE/.test(first?.errors ?? '')
  if (first?.code === 1) return isNamed ? problems : [...problems, `exit 1 without a name: ${first.errors}`]
  const hasContinued = operations.some(({ kind, end }) => kind === 'reply' && end > failed.end)
  const isOfBackup = path.endsWith('.partial') || failed.path === 'read'
  if (hasContinued && !(isOfBackup && isNamed))
    problems.push(`the process continued after a failed ${failed.path} of ${path.slice(-30)}: ${first?.errors}`)
  return problems
}

/**
 * Runs the workload while one call fails, and continues it on the same files. Judges the files at
 * the end, and images of power cuts after the error.
 */
export const runWithError = (error: string, faults: readonly Fault[] = []): Promise<ErrorRun> =>
  withFolder(async (folder) => {
    const run = recordRun({ folder, tasks, seed: 1, faults, first: { POWER_FAIL: error } })
    const recording = await run.catch((reason: unknown) => String(reason))
    if (typeof recording === 'string')
      return { error, reached: true, images: 0, problems: [`the run did not end: ${recording}`] }
    const failed = recording.operations.find(({ kind }) => kind === 'fail')
    if (!failed) return { error, reached: false, images: 0, problems: [] }
    const judged = await judgeImages(recording, { images: 6, imagesPerCut: 1, seed: 1, from: failed.end })
    const problems = [...endProblems(recording, failed), ...judged.failures]
    return { error, reached: true, images: judged.images, problems }
  })
