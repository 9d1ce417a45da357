import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Reader } from '../../store/store.ts'

interface CurrentIncarnation {
  readonly incarnation: number
  readonly isUnregistered: boolean
}

/** The incarnation of every agent, as the store has it. */
export async function loadIncarnations({ db, t }: Reader): Promise<Map<string, CurrentIncarnation>> {
  const { id, incarnation, status } = t.agents
  const rows = await db.select({ id, incarnation, status }).from(t.agents)
  return new Map(
    rows.map((row) => [row.id, { incarnation: row.incarnation, isUnregistered: row.status === 'unregistered' }]),
  )
}

type SupersedeListener = (agentId: string, incarnation: number, isUnregistered: boolean) => void

/**
 * Which incarnation of an agent is the current one, so that reads of an older one stop at once. A cache: its writes are
 * fenced in the transaction itself.
 */
export class Incarnations {
  #current: Map<string, CurrentIncarnation>
  readonly #listeners = new Set<SupersedeListener>()

  constructor(current: Map<string, CurrentIncarnation>) {
    this.#current = current
  }

  /** The store is another one, in which what ended may not have. */
  replace(current: Map<string, CurrentIncarnation>): void {
    this.#current = current
  }

  /** `left`: there is no newer one, the agent was unregistered. */
  supersede(agentId: string, incarnation: number, isUnregistered = false): void {
    this.#current.set(agentId, { incarnation, isUnregistered })
    for (const listener of this.#listeners) listener(agentId, incarnation, isUnregistered)
  }

  /** Throws STALE_INCARNATION for one that was superseded, TOKEN_REVOKED when its agent was unregistered. */
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
