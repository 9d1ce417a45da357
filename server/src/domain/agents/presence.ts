/**
 * The last activity of agents since the last flush. It is kept in memory, because a write for each
 * call would cost more than the call.
 */
export class Presence {
  readonly #lastActivity = new Map<string, Map<string, number>>()

  /** Records activity: an authenticated call or the answer to a ping. */
  record(project: string, agentId: string, at: number): void {
    const agents = this.#lastActivity.get(project)
    if (agents) agents.set(agentId, at)
    else this.#lastActivity.set(project, new Map([[agentId, at]]))
  }

  unwrittenActivityOf(project: string, agentId: string): number | undefined {
    return this.#lastActivity.get(project)?.get(agentId)
  }

  /** The activity in a project that is not written yet. */
  unwritten(project: string): ReadonlyMap<string, number> {
    return new Map(this.#lastActivity.get(project))
  }

  /** Removes the values that have been written. A newer value of an agent stays. */
  markWritten(project: string, activity: ReadonlyMap<string, number>): void {
    const agents = this.#lastActivity.get(project)
    for (const [agentId, at] of activity) if (agents?.get(agentId) === at) agents.delete(agentId)
    if (agents?.size === 0) this.#lastActivity.delete(project)
  }
}
