import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FinalError, type LeasedTask } from '@tony/mcp-client'

/** Size limit of a result file, in bytes. */
const maxResultBytes = 1_000_000

/** The files of one attempt, readable by this user alone. */
export interface TaskFiles {
  readonly task: string
  readonly result: string
  readonly remove: () => void
}

/** Writes the task for its command, without the lease token, which stays in this process. */
export function writeTask({ leaseToken: _, ...task }: LeasedTask): TaskFiles {
  const folder = mkdtempSync(join(tmpdir(), 'tony-task-'))
  const files = { task: join(folder, 'task.json'), result: join(folder, 'result.json') }
  writeFileSync(files.task, `${JSON.stringify(task, undefined, 2)}\n`, { mode: 0o600 })
  return { ...files, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/**
 * Returns the content of the result file; undefined if it is missing or empty. Throws FinalError if
 * it is too large or not JSON.
 */
export function readResult(file: string): unknown {
  if (!existsSync(file)) return undefined
  if (statSync(file).size > maxResultBytes)
    throw new FinalError(`the result file holds more than ${maxResultBytes} bytes`)
  const text = readFileSync(file, 'utf8').trim()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FinalError('the result file is not JSON', { cause })
  }
}

/** True if the command has written a result. */
export const hasResult = (file: string): boolean => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
