import type { Clock } from '../clock.ts'
import type { WakeSettings } from '../environment.ts'
import { Activity } from './activity.ts'
import { createChannel, type HostConnection } from './providers/channel.ts'
import { createCodexQueue } from './providers/codex-queue.ts'
import { createWakeCommand } from './providers/command.ts'
import { StopHook } from './providers/stop-hook.ts'
import { SessionWakes } from './session-wakes.ts'

interface WakeServicesOptions {
  readonly wake: WakeSettings
  readonly clock: Clock
  readonly connection: HostConnection
}

/** Creates the parts of a bridge that wake its session. */
export function createWakeServices({ wake, clock, connection }: WakeServicesOptions) {
  const stopHook = new StopHook()
  let thread: { readonly id: string; readonly isCodex: boolean } | undefined
  const threadId = () => (thread?.isCodex ? thread.id : wake.threadId)
  const providers = [
    createChannel(connection),
    stopHook,
    createCodexQueue({ program: wake.codexProgram, threadId }),
    createWakeCommand({ command: wake.command, hostSessionId: () => thread?.id ?? wake.threadId }),
  ]
  const wakes = new SessionWakes({ clock, providers })
  const activity = new Activity(clock, (idle) => {
    if (!idle) stopHook.release()
    wakes.recordChange(idle)
  })
  const recordThread = (id: string, host: string) => {
    thread = { id, isCodex: host === 'codex' }
  }
  return { activity, wakes, stopHook, recordThread }
}
