import { CoordinationError } from '@tony/mcp-shared/errors'

/**
 * The incarnations that were superseded while this process ran, so that reads of an old one stop at once. A cache: its
 * writes are fenced in the transaction itself.
 */
export class Incarnations {
  readonly #current = new Map<string, number>()
  readonly #listeners = new Set<(agentId: string, incarnation: number) => void>()

  supersede(agentId: string, incarnation: number): void {
    this.#current.set(agentId, incarnation)
    for (const listener of this.#listeners) listener(agentId, incarnation)
  }

  /** Throws STALE_INCARNATION for one that is known to be superseded. */
  require(agentId: string, incarnation: number): void {
    const current = this.#current.get(agentId)
    if (current !== undefined && current > incarnation) {
      throw new CoordinationError(
        'STALE_INCARNATION',
        `incarnation ${incarnation} was superseded by ${current}: stop this process`,
      )
    }
  }

  onSupersede(listener: (agentId: string, incarnation: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
