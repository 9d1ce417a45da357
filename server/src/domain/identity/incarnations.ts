import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Reader } from '../../store/store.ts'

interface Current {
  readonly incarnation: number
  readonly left: boolean
}

/** The incarnation of every agent, as the store has it. */
export async function currentIncarnations({ db, t }: Reader): Promise<Map<string, Current>> {
  const { id, incarnation, status } = t.agents
  const rows = await db.select({ id, incarnation, status }).from(t.agents)
  return new Map(rows.map((row) => [row.id, { incarnation: row.incarnation, left: row.status === 'unregistered' }]))
}

type Listener = (agentId: string, incarnation: number, left: boolean) => void

/**
 * Which incarnation of an agent is the current one, so that reads of an older one stop at once. A cache: its writes are
 * fenced in the transaction itself.
 */
export class Incarnations {
  #current: Map<string, Current>
  readonly #listeners = new Set<Listener>()

  constructor(current: Map<string, Current>) {
    this.#current = current
  }

  /** The store is another one, in which what ended may not have. */
  replace(current: Map<string, Current>): void {
    this.#current = current
  }

  /** `left`: there is no newer one, the agent was unregistered. */
  supersede(agentId: string, incarnation: number, left = false): void {
    this.#current.set(agentId, { incarnation, left })
    for (const listener of this.#listeners) listener(agentId, incarnation, left)
  }

  /** Throws STALE_INCARNATION for one that was superseded, TOKEN_REVOKED when its agent was unregistered. */
  require(agentId: string, incarnation: number): void {
    const current = this.#current.get(agentId)
    if (current === undefined || current.incarnation <= incarnation) return
    if (current.left) throw new CoordinationError('TOKEN_REVOKED', 'this agent has been unregistered')
    throw new CoordinationError(
      'STALE_INCARNATION',
      `incarnation ${incarnation} was superseded by ${current.incarnation}: stop this process`,
    )
  }

  onSupersede(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
