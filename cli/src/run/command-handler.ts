import { systemClock } from '@tony/mcp-bridge/clock'
import { FinalError, type LeasedTask, type WorkContext, type WorkHandler } from '@tony/mcp-client'
import { isRecord } from '../is-record.ts'
import { type ChildResult, runChild } from './child.ts'
import { childEnvironmentOf } from './environment.ts'
import { hasResult, readResult, type TaskFiles, writeTask } from './files.ts'
import type { InstantEnds } from './instant-ends.ts'

export interface CommandHandlerOptions {
  readonly command: readonly [string, ...string[]]
  readonly graceMs: number
  /** Called with one line for each event. */
  readonly log: (line: string) => void
  /** Delays the next command after commands that ended at once. Undefined: no delay. */
  readonly instantEnds: InstantEnds | undefined
  /** Returns false if no further task may start. Called for each task before its command. */
  readonly admit: () => boolean
  /** Called if the command cannot be started. */
  readonly onSpawnError: (error: unknown) => void
  /** Aborts when no further command may start. */
  readonly stopping: AbortSignal
}

/** Returns the failure in the result file; empty if there is none or the file is invalid. */
function readFailure(file: string): Record<string, unknown> {
  try {
    const result = readResult(file)
    return isRecord(result) ? result : {}
  } catch (error) {
    if (error instanceof FinalError) return {}
    throw error
  }
}

/**
 * Returns the error of a failed attempt, in the words of the result file if it has any, else by its
 * exit.
 */
function toAttemptError(program: string, { code, signal, tail }: ChildResult, file: string): Error {
  const how = signal ? `was ended by ${signal}` : `exited with ${code}`
  const { error, retryable } = readFailure(file)
  const words = typeof error === 'string' ? error : `${program} ${how}${tail === '' ? '' : `: ${tail}`}`
  return retryable === false ? new FinalError(words) : new Error(words)
}

/** Returns the way in which a command ended, with the last line of its standard error. */
function formatEnd({ code, signal, tail }: ChildResult): string {
  const line = tail.split('\n').at(-1) ?? ''
  return `${signal ? `ended by ${signal}` : `exit ${code}`}${line === '' ? '' : `: ${line}`}`
}

/** Runs one command and records its end. Releases the task if the command cannot be started. */
async function runTaskCommand(
  files: TaskFiles,
  task: LeasedTask,
  { signal, release }: WorkContext,
  options: CommandHandlerOptions,
): Promise<ChildResult> {
  const { command, graceMs, log, instantEnds, onSpawnError } = options
  const startedAt = systemClock.monotonic()
  const child = { command, env: childEnvironmentOf(task, files), stop: signal, graceMs }
  const ended = await runChild(child).catch((error: unknown) => {
    onSpawnError(error)
    return release()
  })
  const isEmpty = ended.code !== 0 || !hasResult(files.result)
  const how = formatEnd(ended)
  const ms = systemClock.monotonic() - startedAt
  instantEnds?.record({ ms, isEmpty: isEmpty && !signal.aborted, how })
  log(`task ${task.id}: ${how}`)
  return ended
}

/**
 * Runs the command for each task. Exit code 0 completes the task with the content of the result
 * file; any other end fails the attempt.
 */
export const createCommandHandler =
  (options: CommandHandlerOptions): WorkHandler =>
  async (task, context) => {
    const { command, log, instantEnds, admit, stopping } = options
    const { signal, release } = context
    await instantEnds?.pause(log, AbortSignal.any([signal, stopping]))
    signal.throwIfAborted()
    if (stopping.aborted || !admit()) await release()
    const files = writeTask(task)
    log(`task ${task.id}: attempt ${task.attempt} started`)
    signal.addEventListener('abort', () => log(`task ${task.id}: the lease is over, ending its command`), {
      once: true,
    })
    try {
      const ended = await runTaskCommand(files, task, context, options)
      if (ended.code === 0 && !signal.aborted) return readResult(files.result)
      throw toAttemptError(command[0], ended, files.result)
    } finally {
      files.remove()
    }
  }
