/** The calls that wait for the reply to a request, by request. */
export class ReplyWaiters {
  readonly #listeners = new Map<string, Set<() => void>>()

  /** Calls `notify` when the request may have ended. Returns the function that stops it. */
  watch(requestId: string, notify: () => void): () => void {
    const listeners = this.#listeners.get(requestId) ?? new Set()
    this.#listeners.set(requestId, listeners.add(notify))
    return () => {
      listeners.delete(notify)
      if (listeners.size === 0) this.#listeners.delete(requestId)
    }
  }

  notify(requestId: string): void {
    for (const notify of this.#listeners.get(requestId) ?? []) notify()
  }
}
