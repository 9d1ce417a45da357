/** Who waits for the answer to which request. */
export class Replies {
  readonly #waiting = new Map<string, Set<() => void>>()

  /** Calls `ring` when the request may have ended; returns the way to stop. */
  watch(requestId: string, ring: () => void): () => void {
    const rings = this.#waiting.get(requestId) ?? new Set()
    this.#waiting.set(requestId, rings.add(ring))
    return () => {
      rings.delete(ring)
      if (rings.size === 0) this.#waiting.delete(requestId)
    }
  }

  wake(requestId: string): void {
    for (const ring of this.#waiting.get(requestId) ?? []) ring()
  }
}
