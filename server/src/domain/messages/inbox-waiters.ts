/** The reason of a notification: a new message, or free capacity for delivery of an older one. */
export type InboxNotificationReason = 'message' | 'capacity'

/** The calls and subscriptions that wait for messages, by agent. */
export class InboxWaiters {
  readonly #listeners = new Map<string, Set<(reason: InboxNotificationReason) => void>>()

  /**
   * Calls `notify` when the agent may have a message to deliver. Returns the function that stops
   * it.
   */
  watch(agentId: string, notify: (reason: InboxNotificationReason) => void): () => void {
    const listeners = this.#listeners.get(agentId) ?? new Set()
    this.#listeners.set(agentId, listeners.add(notify))
    return () => {
      listeners.delete(notify)
      if (listeners.size === 0) this.#listeners.delete(agentId)
    }
  }

  notify(agentId: string, reason: InboxNotificationReason): void {
    for (const notify of this.#listeners.get(agentId) ?? []) notify(reason)
  }

  /** Notifies the waiters of an agent, or of all agents if it is null, after the end of a pause. */
  recheck(agentId: string | null): void {
    for (const waiting of agentId === null ? this.#listeners.keys() : [agentId]) this.notify(waiting, 'message')
  }
}
