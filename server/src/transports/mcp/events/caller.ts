import type { EventFilter } from '@tony/mcp-shared/events'
import { isAllowed } from '../../../domain/principal.ts'
import type { EventPosition } from '../../../domain/webhooks/bodies.ts'
import type { HttpToolSession } from '../tool-session.ts'

/** The caller of MCP Events: the session of a tool, and the services around it. */
export class EventsCaller {
  readonly session: HttpToolSession

  constructor(session: HttpToolSession) {
    this.session = session
  }

  get #services() {
    return this.session.caller.connection.services
  }

  /** True if the credential may create webhooks. The developer of dev mode owns its machine. */
  get mayUseWebhooks(): boolean {
    const { credential } = this.session.caller
    return isAllowed(credential, 'webhooks:write')
  }

  /** The owner of the webhooks of this credential. */
  get owner(): { readonly project: string; readonly owner: string } {
    const { project, subject } = this.session.caller.credential
    return { project, owner: subject }
  }

  /** The place of the events of this project, without their numbers. */
  get basePosition(): Omit<EventPosition, 'seq'> {
    return { project: this.session.caller.credential.project, epoch: this.#services.store.epoch }
  }

  /** Returns the time before which events are too old for `maxAgeMs`. */
  oldestTime(maxAgeMs: number | null | undefined): number {
    return typeof maxAgeMs === 'number' ? this.#services.clock.wall() - maxAgeMs : 0
  }

  /** Calls `run` once after a time. The returned function cancels it. */
  timer(ms: number, run: () => void): () => void {
    return this.#services.clock.timer(ms, run)
  }

  /** Returns the cursor of the end of the feed: the first item of a subscription without one. */
  async currentCursor(filter: EventFilter): Promise<string> {
    for await (const { id } of this.session.subscribeToEvents(filter)) if (id !== undefined) return id
    throw new Error('the feed ended before its first cursor')
  }
}
