import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FinalError, type LeasedTask } from '@tony/mcp-client'

/** What a command may leave as its result, in bytes. */
const resultBytes = 1_000_000

/** The files of one attempt, which nobody but this user reads. */
export interface TaskFiles {
  readonly task: string
  readonly result: string
  readonly remove: () => void
}

/** Writes the task for its command, without what proves the lease: that is not the command's. */
export function writeTask({ leaseToken: _, ...task }: LeasedTask): TaskFiles {
  const folder = mkdtempSync(join(tmpdir(), 'tony-task-'))
  const files = { task: join(folder, 'task.json'), result: join(folder, 'result.json') }
  writeFileSync(files.task, `${JSON.stringify(task, undefined, 2)}\n`, { mode: 0o600 })
  return { ...files, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** What the command has left in its result file; undefined when that is missing or empty. Throws FinalError for what is no result. */
export function readResult(file: string): unknown {
  if (!existsSync(file)) return undefined
  if (statSync(file).size > resultBytes) throw new FinalError(`the result file holds more than ${resultBytes} bytes`)
  const text = readFileSync(file, 'utf8').trim()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FinalError('the result file holds no JSON', { cause })
  }
}
