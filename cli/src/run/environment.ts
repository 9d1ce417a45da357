import type { LeasedTask } from '@tony/mcp-client'
import type { TaskFiles } from './files.ts'

/**
 * Returns the environment of a command: that of this process without its credential, and the
 * variables of the task.
 */
export function childEnvironmentOf({ id, type, attempt }: LeasedTask, { task, result }: TaskFiles): NodeJS.ProcessEnv {
  const { TONY_TOKEN: _, TONY_TOKEN_FILE: __, ...inherited } = process.env
  return {
    ...inherited,
    TONY_TASK_ID: id,
    TONY_TASK_TYPE: type,
    TONY_TASK_ATTEMPT: String(attempt),
    TONY_TASK_FILE: task,
    TONY_RESULT_FILE: result,
  }
}
