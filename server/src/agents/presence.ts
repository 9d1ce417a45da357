/** Signs of life since the last flush: in memory, because a write for each call would cost more than the call. */
export class Presence {
  readonly #seen = new Map<string, Map<string, number>>()

  /** Any authenticated call, and the answer to a ping, is a sign of life. */
  note(project: string, agentId: string, at: number): void {
    const agents = this.#seen.get(project)
    if (agents) agents.set(agentId, at)
    else this.#seen.set(project, new Map([[agentId, at]]))
  }

  lastSeen(project: string, agentId: string): number | undefined {
    return this.#seen.get(project)?.get(agentId)
  }

  /** Takes what was seen in a project since the last call. */
  takeOf(project: string): ReadonlyMap<string, number> {
    const agents = this.#seen.get(project) ?? new Map<string, number>()
    this.#seen.delete(project)
    return agents
  }
}
