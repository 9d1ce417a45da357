/** Why an inbox may have something to hand out: new mail, or room for what was there. */
export type Because = 'mail' | 'room'

/** Those who wait for mail, by agent. */
export class Inboxes {
  readonly #waiting = new Map<string, Set<(because: Because) => void>>()

  /** Calls `ring` when there may be something to deliver to the agent; returns the way to stop. */
  watch(agentId: string, ring: (because: Because) => void): () => void {
    const rings = this.#waiting.get(agentId) ?? new Set()
    this.#waiting.set(agentId, rings.add(ring))
    return () => {
      rings.delete(ring)
      if (rings.size === 0) this.#waiting.delete(agentId)
    }
  }

  wake(agentId: string, because: Because): void {
    for (const ring of this.#waiting.get(agentId) ?? []) ring(because)
  }

  /** An agent, or with null any, may be delivered to again. */
  reconsider(agentId: string | null): void {
    for (const waiting of agentId === null ? this.#waiting.keys() : [agentId]) this.wake(waiting, 'mail')
  }
}
