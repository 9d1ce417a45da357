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

  /** What was seen in a project and is not written yet. */
  unwritten(project: string): ReadonlyMap<string, number> {
    return new Map(this.#seen.get(project))
  }

  /** Forgets what has been written, and not what was seen since. */
  written(project: string, signs: ReadonlyMap<string, number>): void {
    const agents = this.#seen.get(project)
    for (const [agentId, at] of signs) if (agents?.get(agentId) === at) agents.delete(agentId)
    if (agents?.size === 0) this.#seen.delete(project)
  }
}
