import type { StoreNotification } from '../../store/store.ts'

type LeaseNotification = Extract<StoreNotification, { topic: 'lease' }>

/** Notifies the subscriptions of an agent of each of its leases that ends, for any reason. */
export class LeaseEndSubscribers {
  readonly #listeners = new Map<string, Set<(notification: LeaseNotification) => void>>()

  onEnd(agentId: string, listener: (notification: LeaseNotification) => void): () => void {
    const listeners = this.#listeners.get(agentId) ?? new Set()
    this.#listeners.set(agentId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(agentId)
    }
  }

  notify(notification: LeaseNotification): void {
    for (const listener of this.#listeners.get(notification.agentId) ?? []) listener(notification)
  }
}
