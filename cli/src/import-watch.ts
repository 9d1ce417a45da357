import { stat } from 'node:fs/promises'
import { errorMessageOf, exitCodeOf } from './exit-code.ts'
import { interruptedExitCode } from './exit-codes.ts'
import { PlanError } from './plan/plan.ts'
import { startTimer } from './timer.ts'

/**
 * The time between two looks at the file, in milliseconds. A file counts as written when two looks
 * find it equal. An event of the file system would be faster, but there is none for a file on a
 * network disk or in a mounted folder, and an editor that replaces the file ends a watch of it.
 */
const intervalMs = 300

/** The looks until another attempt, if the server cannot be reached or is busy: 3 s. */
const looksUntilRetry = 10

/** Returns a text that changes with the file; undefined while there is none. */
async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw new PlanError(file, `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const cancel = startTimer(ms, resolve)
    signal.addEventListener('abort', () => [cancel(), resolve()], { once: true })
  })

/** True for a server that is away or busy. */
const isPassing = (error: unknown): boolean => [69, 75].includes(exitCodeOf(error))

/** Runs an import. Returns true if another attempt may succeed without a change of the file. */
async function attempt(run: () => Promise<void>): Promise<boolean> {
  try {
    await run()
    return false
  } catch (error) {
    // Without its permission no later attempt succeeds.
    if (exitCodeOf(error) === 4) throw error
    process.stderr.write(`${errorMessageOf(error)}\n`)
    return isPassing(error)
  }
}

/**
 * Runs an import now and after each change of the file, until SIGINT or SIGTERM. A missing file is
 * waited for. A refused plan changes nothing, and is read again after the next change.
 */
export async function watchFile(file: string, run: () => Promise<void>): Promise<void> {
  const ended = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort())
  let imported: string | undefined = ''
  let before: string | undefined = ''
  let looksLeft = Number.POSITIVE_INFINITY
  while (!ended.signal.aborted) {
    const version = await versionOf(file)
    const isSettled = version === before
    before = version
    looksLeft -= 1
    if (isSettled && (version !== imported || looksLeft <= 0)) {
      imported = version
      looksLeft = Number.POSITIVE_INFINITY
      if (version === undefined) process.stderr.write(`${file} is absent: waiting for it\n`)
      else if (await attempt(run)) looksLeft = looksUntilRetry
      else process.stderr.write(`watching ${file} for changes\n`)
    }
    await pause(intervalMs, ended.signal)
  }
  process.exitCode = interruptedExitCode
}
