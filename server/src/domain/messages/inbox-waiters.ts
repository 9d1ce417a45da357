import type { OpenInbox } from './deliver-at-send.ts'

/** The reason of a notification: a new message, or free capacity for delivery of an older one. */
export type InboxNotificationReason = 'message' | 'capacity'

type Listener = (reason: InboxNotificationReason) => void

/** The calls and subscriptions that wait for messages, by agent. */
export class InboxWaiters {
  /** The inbox of each listener that is a subscription to which a send can deliver. */
  readonly #listeners = new Map<string, Map<Listener, OpenInbox | undefined>>()

  /**
   * Calls `notify` when the agent may have a message to deliver. Returns the function that stops
   * it.
   */
  watch(agentId: string, notify: Listener, inbox?: OpenInbox): () => void {
    const listeners = this.#listeners.get(agentId) ?? new Map<Listener, OpenInbox | undefined>()
    this.#listeners.set(agentId, listeners.set(notify, inbox))
    return () => {
      listeners.delete(notify)
      if (listeners.size === 0) this.#listeners.delete(agentId)
    }
  }

  notify(agentId: string, reason: InboxNotificationReason): void {
    for (const notify of this.#listeners.get(agentId)?.keys() ?? []) notify(reason)
  }

  /** Notifies the waiters of an agent, or of all agents if it is null, after the end of a pause. */
  recheck(agentId: string | null): void {
    for (const waiting of agentId === null ? this.#listeners.keys() : [agentId]) this.notify(waiting, 'message')
  }

  /**
   * Returns the inbox of an agent to which a send can deliver: a subscription that waits for a
   * message while nothing else waits for one.
   */
  openInboxOf(agentId: string): OpenInbox | undefined {
    const listeners = this.#listeners.get(agentId)
    if (listeners?.size !== 1) return undefined
    const [inbox] = listeners.values()
    return inbox?.isWaiting ? inbox : undefined
  }
}
