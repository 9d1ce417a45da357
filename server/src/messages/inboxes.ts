/** Those who wait for mail, by agent. */
export class Inboxes {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Calls `ring` when there may be something to deliver to the agent; returns the way to stop. */
  watch(agentId: string, ring: () => void): () => void {
    const rings = this.#waiting.get(agentId) ?? new Set()
    this.#waiting.set(agentId, rings.add(ring))
    return () => {
      rings.delete(ring)
      if (rings.size === 0) this.#waiting.delete(agentId)
    }
  }

  wake(agentId: string): void {
    for (const ring of this.#waiting.get(agentId) ?? []) ring()
  }
}
