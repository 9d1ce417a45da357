import { ToolError } from '@tony/mcp-tools/error-text'

interface HeldLease {
  readonly token: string
  readonly attempt: number
}

/** Number of tokens of ended leases that are kept. */
const maxEndedTokens = 1_000

/** The leases of a host session, by the id of their task. */
export class Leases {
  readonly #held = new Map<string, HeldLease>()
  /**
   * Tokens of ended leases. A late completion with one may count, and its result is kept in any
   * case.
   */
  readonly #endedTokens = new Map<string, string>()
  readonly #notices: string[] = []

  add({ id, leaseToken: token, attempt }: { id: string; leaseToken: string; attempt: number }): void {
    this.#endedTokens.delete(id)
    this.#held.set(id, { token, attempt })
  }

  list(): { taskId: string; leaseToken: string }[] {
    return [...this.#held].map(([taskId, { token: leaseToken }]) => ({ taskId, leaseToken }))
  }

  /**
   * Returns the lease token of a task; `late` accepts that of an ended lease too. Throws ToolError
   * STALE_LEASE if there is none.
   */
  tokenFor(taskId: string, late: boolean): string {
    const token = this.#held.get(taskId)?.token ?? (late ? this.#endedTokens.get(taskId) : undefined)
    if (token === undefined) throw new ToolError('STALE_LEASE', `you do not hold task ${taskId}`)
    return token
  }

  /**
   * Ends a lease by its result. Its token stays: a second result of the same task, for example of
   * another sub-agent, is kept with the task.
   */
  markCompleted(taskId: string): void {
    const held = this.#held.get(taskId)
    this.#held.delete(taskId)
    if (held) this.#endedTokens.set(taskId, held.token)
    const [oldest] = this.#endedTokens.keys()
    if (this.#endedTokens.size > maxEndedTokens && oldest !== undefined) this.#endedTokens.delete(oldest)
  }

  /** Removes a lease that this session has ended. */
  remove(taskId: string): void {
    this.#held.delete(taskId)
    this.#endedTokens.delete(taskId)
  }

  /**
   * Removes a lease that has ended otherwise and adds a notice for the model. With `attempt` it
   * does so only if that attempt is held.
   */
  markLost(taskId: string, reason: string, attempt?: number): void {
    const held = this.#held.get(taskId)
    if (held === undefined || (attempt ?? held.attempt) !== held.attempt) return
    this.#held.delete(taskId)
    this.#endedTokens.set(taskId, held.token)
    this.#notices.push(`Task ${taskId} is no longer yours: ${reason}. Stop working on it.`)
  }

  markAllLost(reason: string): void {
    for (const taskId of [...this.#held.keys()]) this.markLost(taskId, reason)
  }

  takeNotices(): string[] {
    return this.#notices.splice(0)
  }

  returnNotices(notices: readonly string[]): void {
    this.#notices.unshift(...notices)
  }
}
