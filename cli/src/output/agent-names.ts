import type { Client } from '@tony/mcp-client'

/** Number of unknown agents up to which each is read on its own. */
const maxSingleReads = 20

/** The names of agents by their ids. */
export class AgentNames {
  readonly #client: Pick<Client, 'agents'>
  readonly #names = new Map<string, string>()

  constructor(client: Pick<Client, 'agents'>) {
    this.#client = client
  }

  /** Returns the name of an agent; its id if the name is not loaded. */
  of(id: string | null): string | null {
    return id === null ? null : (this.#names.get(id) ?? id)
  }

  /** Loads the names of these agents. An agent that was deleted keeps its id. */
  async load(ids: readonly (string | null)[]): Promise<void> {
    const missing = new Set(ids.filter((id) => id !== null).filter((id) => !this.#names.has(id)))
    if (missing.size <= maxSingleReads) await Promise.all([...missing].map((id) => this.#loadOne(id)))
    else await this.#loadPages(missing)
  }

  async #loadOne(id: string): Promise<void> {
    const agent = await this.#client.agents.get({ agent: id }).catch(() => undefined)
    this.#names.set(id, agent?.name ?? id)
  }

  async #loadPages(missing: ReadonlySet<string>): Promise<void> {
    for (let cursor: string | undefined; ; ) {
      const page = await this.#client.agents.list({ limit: 1_000, cursor })
      for (const { id, name } of page.agents) this.#names.set(id, name)
      if (page.nextCursor === null || [...missing].every((id) => this.#names.has(id))) return
      cursor = page.nextCursor
    }
  }
}
