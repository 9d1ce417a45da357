import { FinalError, type WorkHandler } from '@tony/mcp-client'
import { isRecord } from '../is-record.ts'
import { type ChildResult, runChild } from './child.ts'
import { childEnvironmentOf } from './environment.ts'
import { readResult, writeTask } from './files.ts'

export interface CommandHandlerOptions {
  readonly command: readonly [string, ...string[]]
  readonly graceMs: number
  /** Called with one line for each event. */
  readonly log: (line: string) => void
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
function toError(program: string, { code, signal, tail }: ChildResult, file: string): Error {
  const how = signal ? `was ended by ${signal}` : `exited with ${code}`
  const { error, retryable } = readFailure(file)
  const words = typeof error === 'string' ? error : `${program} ${how}${tail === '' ? '' : `: ${tail}`}`
  return retryable === false ? new FinalError(words) : new Error(words)
}

/**
 * Runs the command for each task. Exit code 0 completes the task with the content of the result
 * file; any other end fails the attempt.
 */
export const createCommandHandler =
  ({ command, graceMs, log }: CommandHandlerOptions): WorkHandler =>
  async (task, { signal }) => {
    const files = writeTask(task)
    log(`task ${task.id}: attempt ${task.attempt} started`)
    signal.addEventListener('abort', () => log(`task ${task.id}: the lease is over, ending its command`), {
      once: true,
    })
    try {
      const ended = await runChild({ command, env: childEnvironmentOf(task, files), stop: signal, graceMs })
      log(`task ${task.id}: ${ended.signal ? `ended by ${ended.signal}` : `exit ${ended.code}`}`)
      if (ended.code === 0 && !signal.aborted) return readResult(files.result)
      throw toError(command[0], ended, files.result)
    } finally {
      files.remove()
    }
  }
