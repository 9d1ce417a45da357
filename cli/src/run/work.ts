import { FinalError, type WorkHandler } from '@tony/mcp-client'
import { type Ended, runCommand } from './child.ts'
import { environmentOf } from './environment.ts'
import { readResult, writeTask } from './files.ts'

export interface Running {
  readonly command: readonly [string, ...string[]]
  readonly graceMs: number
  /** Told of what happens, one line each. */
  readonly say: (line: string) => void
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** What a command says of its failure, where it says it well. */
function saidIn(file: string): Record<string, unknown> {
  try {
    const result = readResult(file)
    return isRecord(result) ? result : {}
  } catch (error) {
    if (error instanceof FinalError) return {}
    throw error
  }
}

/** Why an attempt failed: in the words of the result file, where there are any, else of the exit. */
function failure(program: string, { code, signal, tail }: Ended, file: string): Error {
  const how = signal ? `was ended by ${signal}` : `exited with ${code}`
  const { error, retryable } = saidIn(file)
  const words = typeof error === 'string' ? error : `${program} ${how}${tail === '' ? '' : `: ${tail}`}`
  return retryable === false ? new FinalError(words) : new Error(words)
}

/** Runs the command once for each task: exit 0 completes it with what is in the result file, everything else fails the attempt. */
export const commandFor =
  ({ command, graceMs, say }: Running): WorkHandler =>
  async (task, { signal }) => {
    const files = writeTask(task)
    say(`task ${task.id}: attempt ${task.attempt} started`)
    signal.addEventListener('abort', () => say(`task ${task.id}: the lease is over, ending its command`), {
      once: true,
    })
    try {
      const ended = await runCommand({ command, env: environmentOf(task, files), stop: signal, graceMs })
      say(`task ${task.id}: ${ended.signal ? `ended by ${ended.signal}` : `exit ${ended.code}`}`)
      if (ended.code === 0 && !signal.aborted) return readResult(files.result)
      throw failure(command[0], ended, files.result)
    } finally {
      files.remove()
    }
  }
