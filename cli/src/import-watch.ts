import { stat } from 'node:fs/promises'
import { errorMessageOf, exitCodeOf } from './exit-code.ts'
import { interruptedExitCode } from './exit-codes.ts'
import { PlanError } from './plan/plan.ts'
import { startTimer } from './timer.ts'

/**
 * The time between two polls of the file, in milliseconds. An import starts when two polls in a row
 * find the same version of the file, so that a half-written file is not read. The file is polled,
 * because file system events do not exist on a network disk or in a mounted folder, and an editor
 * that replaces the file ends a watch of it.
 */
const intervalMs = 300

/** Number of polls before an import is repeated after the server was unreachable or busy: 3 s. */
const pollsUntilRetry = 10

/** Returns a text that changes with the file; undefined while there is none. */
async function readFileVersion(file: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true })
    return `${ino} ${size} ${mtimeNs}`
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw new PlanError(file, `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const cancel = startTimer(ms, resolve)
    signal.addEventListener('abort', () => [cancel(), resolve()], { once: true })
  })

/** True for a server that is away or busy. */
const isTransientError = (error: unknown): boolean => [69, 75].includes(exitCodeOf(error))

/** Runs an import. Returns true if another attempt may succeed without a change of the file. */
async function tryImport(run: () => Promise<void>): Promise<boolean> {
  try {
    await run()
    return false
  } catch (error) {
    // Without its permission no later attempt succeeds.
    if (exitCodeOf(error) === 4) throw error
    process.stderr.write(`${errorMessageOf(error)}\n`)
    return isTransientError(error)
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
  let pollsLeft = Number.POSITIVE_INFINITY
  while (!ended.signal.aborted) {
    const version = await readFileVersion(file)
    const isSettled = version === before
    before = version
    pollsLeft -= 1
    if (isSettled && (version !== imported || pollsLeft <= 0)) {
      imported = version
      pollsLeft = Number.POSITIVE_INFINITY
      if (version === undefined) process.stderr.write(`${file} is absent: waiting for it\n`)
      else if (await tryImport(run)) pollsLeft = pollsUntilRetry
      else process.stderr.write(`watching ${file} for changes\n`)
    }
    await sleep(intervalMs, ended.signal)
  }
  process.exitCode = interruptedExitCode
}
