import type { LeasedTask } from '@tony/mcp-client'
import type { TaskFiles } from './files.ts'

/** What a command is given of this process's environment, and of its task. The credential of this process stays here. */
export function environmentOf({ id, type, attempt }: LeasedTask, { task, result }: TaskFiles): NodeJS.ProcessEnv {
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
