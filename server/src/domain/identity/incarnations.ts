import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Reader } from '../../store/store.ts'

interface CurrentIncarnation {
  readonly incarnation: number
  readonly isUnregistered: boolean
}

/** Reads the current incarnation of every agent from the store. */
export async function loadIncarnations({ db, t }: Reader): Promise<Map<string, CurrentIncarnation>> {
  const { id, incarnation, status } = t.agents
  const rows = await db.select({ id, incarnation, status }).from(t.agents)
  return new Map(
    rows.map((row) => [row.id, { incarnation: row.incarnation, isUnregistered: row.status === 'unregistered' }]),
  )
}

type SupersedeListener = (agentId: string, incarnation: number, isUnregistered: boolean) => void

/**
 * The current incarnation of each agent, so that reads of an older one stop at once. This is a
 * cache: the transaction itself fences writes.
 */
export class Incarnations {
  #current: Map<string, CurrentIncarnation>
  readonly #listeners = new Set<SupersedeListener>()

  constructor(current: Map<string, CurrentIncarnation>) {
    this.#current = current
  }

  /**
   * Replaces the content after the store was replaced: an incarnation that had ended may be current
   * there.
   */
  replace(current: Map<string, CurrentIncarnation>): void {
    this.#current = current
  }

  /** Records a newer incarnation. With `isUnregistered` there is none: the agent has left. */
  supersede(agentId: string, incarnation: number, isUnregistered = false): void {
    this.#current.set(agentId, { incarnation, isUnregistered })
    for (const listener of this.#listeners) listener(agentId, incarnation, isUnregistered)
  }

  /**
   * Throws STALE_INCARNATION for a superseded incarnation and TOKEN_REVOKED for an unregistered
   * agent.
   */
  requireCurrent(agentId: string, incarnation: number): void {
    const current = this.#current.get(agentId)
    if (current === undefined || current.incarnation <= incarnation) return
    if (current.isUnregistered) throw new CoordinationError('TOKEN_REVOKED', 'this agent has been unregistered')
    throw new CoordinationError(
      'STALE_INCARNATION',
      `incarnation ${incarnation} was superseded by ${current.incarnation}: stop this process`,
    )
  }

  onSupersede(listener: SupersedeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
