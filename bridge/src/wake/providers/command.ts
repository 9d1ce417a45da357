import { exec } from 'node:child_process'
import { promisify } from 'node:util'
import { commandEnvironment } from '../../environment.ts'
import type { WakeProvider } from '../provider.ts'

const execute = promisify(exec)

/** Time for the command, in milliseconds. */
const timeoutMs = 10_000

export interface WakeCommandOptions {
  readonly command: string | undefined
  /** The host's id of its session, if it has told one. */
  readonly hostSessionId: () => string | undefined
}

/** A command of the user's own, run by the shell. It gets the text in TONY_WAKE_TEXT. */
export const createWakeCommand = ({ command, hostSessionId: hostSession }: WakeCommandOptions): WakeProvider => ({
  name: 'command',
  isReady: () => command !== undefined,
  wake: async (text) => {
    const env = { ...commandEnvironment(), TONY_WAKE_TEXT: text, TONY_WAKE_SESSION: hostSession() ?? '' }
    if (command !== undefined) await execute(command, { env, timeout: timeoutMs })
  },
})
