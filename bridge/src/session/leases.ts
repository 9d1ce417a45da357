import { ToolError } from '@tony/mcp-tools/error-text'

interface HeldLease {
  readonly token: string
  readonly attempt: number
}

/** The tasks a session holds, by id, with what proves it. */
export class Leases {
  readonly #held = new Map<string, HeldLease>()
  /** Of leases that are over: a result that comes late may still count, and is kept in any case. */
  readonly #endedTokens = new Map<string, string>()
  readonly #notices: string[] = []

  add({ id, leaseToken: token, attempt }: { id: string; leaseToken: string; attempt: number }): void {
    this.#endedTokens.delete(id)
    this.#held.set(id, { token, attempt })
  }

  list(): { taskId: string; leaseToken: string }[] {
    return [...this.#held].map(([taskId, { token: leaseToken }]) => ({ taskId, leaseToken }))
  }

  /** What proves the lease of a task. Throws with the code STALE_LEASE where there is none. */
  tokenFor(taskId: string, late: boolean): string {
    const token = this.#held.get(taskId)?.token ?? (late ? this.#endedTokens.get(taskId) : undefined)
    if (token === undefined) throw new ToolError('STALE_LEASE', `you do not hold task ${taskId}`)
    return token
  }

  /** This session has ended it. */
  remove(taskId: string): void {
    this.#held.delete(taskId)
    this.#endedTokens.delete(taskId)
  }

  /** Somebody or something else has ended it; with an attempt only where that is the one that is held. */
  markLost(taskId: string, reason: string, attempt?: number): void {
    const held = this.#held.get(taskId)
    if (held === undefined || (attempt ?? held.attempt) !== held.attempt) return
    this.#held.delete(taskId)
    this.#endedTokens.set(taskId, held.token)
    this.#notices.push(`Task ${taskId} is not yours any more: ${reason}. Stop working on it.`)
  }

  markAllLost(reason: string): void {
    for (const taskId of [...this.#held.keys()]) this.markLost(taskId, reason)
  }

  notices(): string[] {
    return this.#notices.splice(0)
  }
}
