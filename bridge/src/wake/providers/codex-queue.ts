import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { WakeProvider } from '../provider.ts'

const execute = promisify(execFile)

/** Time for the command, in milliseconds. */
const timeoutMs = 10_000

export interface CodexQueueOptions {
  /** The program of Codex. */
  readonly program: string
  /** The id of the thread, which the hooks of Codex and its environment name. */
  readonly threadId: () => string | undefined
}

/**
 * The queue of Codex. Its exit code of 0 means that the message is queued. Only a thread that an
 * open Codex has loaded reads the queue.
 */
export const createCodexQueue = ({ program, threadId }: CodexQueueOptions): WakeProvider => ({
  name: 'codex_queue',
  isReady: () => threadId() !== undefined,
  wake: async (text) => {
    const thread = threadId()
    if (thread !== undefined)
      await execute(program, ['queue', '--thread', thread, '--message', text], { timeout: timeoutMs })
  },
})
