/** Why an inbox may have something to hand out: new mail, or room for what was there. */
export type InboxWakeReason = 'message' | 'capacity'

/** Those who wait for mail, by agent. */
export class InboxWaiters {
  readonly #listeners = new Map<string, Set<(reason: InboxWakeReason) => void>>()

  /** Calls `ring` when there may be something to deliver to the agent; returns the way to stop. */
  watch(agentId: string, notify: (reason: InboxWakeReason) => void): () => void {
    const listeners = this.#listeners.get(agentId) ?? new Set()
    this.#listeners.set(agentId, listeners.add(notify))
    return () => {
      listeners.delete(notify)
      if (listeners.size === 0) this.#listeners.delete(agentId)
    }
  }

  wake(agentId: string, reason: InboxWakeReason): void {
    for (const notify of this.#listeners.get(agentId) ?? []) notify(reason)
  }

  /** An agent, or with null any, may be delivered to again. */
  recheck(agentId: string | null): void {
    for (const waiting of agentId === null ? this.#listeners.keys() : [agentId]) this.wake(waiting, 'message')
  }
}
