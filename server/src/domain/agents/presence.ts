/** Signs of life since the last flush: in memory, because a write for each call would cost more than the call. */
export class Presence {
  readonly #lastActivity = new Map<string, Map<string, number>>()

  /** Any authenticated call, and the answer to a ping, is a sign of life. */
  record(project: string, agentId: string, at: number): void {
    const agents = this.#lastActivity.get(project)
    if (agents) agents.set(agentId, at)
    else this.#lastActivity.set(project, new Map([[agentId, at]]))
  }

  lastSeen(project: string, agentId: string): number | undefined {
    return this.#lastActivity.get(project)?.get(agentId)
  }

  /** What was seen in a project and is not written yet. */
  unwritten(project: string): ReadonlyMap<string, number> {
    return new Map(this.#lastActivity.get(project))
  }

  /** Forgets what has been written, and not what was seen since. */
  markWritten(project: string, activity: ReadonlyMap<string, number>): void {
    const agents = this.#lastActivity.get(project)
    for (const [agentId, at] of activity) if (agents?.get(agentId) === at) agents.delete(agentId)
    if (agents?.size === 0) this.#lastActivity.delete(project)
  }
}
