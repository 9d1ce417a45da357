import type { Wake } from '../../store/store.ts'

type LeaseWake = Extract<Wake, { topic: 'lease' }>

/** Notifies the subscriptions of an agent of each of its leases that ends, for any reason. */
export class LeaseEndSubscribers {
  readonly #listeners = new Map<string, Set<(wake: LeaseWake) => void>>()

  onEnd(agentId: string, listener: (wake: LeaseWake) => void): () => void {
    const listeners = this.#listeners.get(agentId) ?? new Set()
    this.#listeners.set(agentId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(agentId)
    }
  }

  wake(wake: LeaseWake): void {
    for (const listener of this.#listeners.get(wake.agentId) ?? []) listener(wake)
  }
}
