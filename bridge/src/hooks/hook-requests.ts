import { z } from 'zod'
import type { HostSession } from '../session/host-session.ts'
import type { Activity } from '../wake/activity.ts'
import type { StopHook } from '../wake/providers/stop-hook.ts'
import type { HookContentSource } from './hook-content.ts'
import { hookEvents, leastUrgentModes } from './hook-output.ts'

/** A request of a hook, or of a shell below the host. */
export const hookRequestSchema = z.object({
  secret: z.string(),
  hook: z
    .object({
      event: z.enum(hookEvents),
      /** The host that runs the hook. */
      host: z.string().max(100),
      /** The turn ends whatever is there to show. */
      endsTurn: z.boolean(),
      thread: z.string().max(200).optional(),
    })
    .optional(),
  wait: z.object({ for: z.enum(['task', 'message']), type: z.string().max(200).optional() }).optional(),
})
type HookRequest = z.output<typeof hookRequestSchema>

export interface HookRequestHandlerOptions {
  readonly hostSession: HostSession
  readonly contentSource: HookContentSource
  readonly activity: Activity
  readonly stopHook: StopHook
  /** Records the host's id of its session. */
  readonly recordThread: (id: string, host: string) => void
}

/** Replies to the hooks of one host session. */
export class HookRequestHandler {
  readonly #options: HookRequestHandlerOptions

  constructor(options: HookRequestHandlerOptions) {
    this.#options = options
  }

  /** Returns the reply to a request. The signal aborts when the hook is gone. */
  async reply({ hook, wait }: HookRequest, gone: AbortSignal): Promise<string> {
    if (wait) {
      const found = await this.#options.hostSession.waitForWork(wait, gone)
      return found ? JSON.stringify(found) : ''
    }
    if (!hook) return ''
    if (hook.thread !== undefined) this.#options.recordThread(hook.thread, hook.host)
    return hook.event === 'idle' ? this.#options.stopHook.wait(gone) : this.#replyToHook(hook, gone)
  }

  async #replyToHook(
    { event, host, endsTurn }: NonNullable<HookRequest['hook']>,
    abandoned: AbortSignal,
  ): Promise<string> {
    const { activity, contentSource } = this.#options
    // The model works again, or still: a text that it is shown now needs no other wake.
    if (!endsTurn) activity.recordHook({ endsTurn: false })
    const upTo = event === 'idle' ? undefined : leastUrgentModes[event]
    const content = endsTurn || !upTo ? '' : await contentSource.getContent({ upTo, host, abandoned }).catch(() => '')
    if (event === 'stop' && content === '') activity.recordHook({ endsTurn: true })
    return content
  }
}
