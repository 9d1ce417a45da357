import { SeatError } from '@tony/mcp-tools/refusals'

/** The tasks a session holds, by id, with what proves it. */
export class Leases {
  readonly #held = new Map<string, string>()
  /** Of leases that are over: a result that comes late may still count, and is kept in any case. */
  readonly #over = new Map<string, string>()
  readonly #notices: string[] = []

  hold(taskId: string, leaseToken: string): void {
    this.#over.delete(taskId)
    this.#held.set(taskId, leaseToken)
  }

  list(): { taskId: string; leaseToken: string }[] {
    return [...this.#held].map(([taskId, leaseToken]) => ({ taskId, leaseToken }))
  }

  /** What proves the lease of a task. Throws with the code STALE_LEASE where there is none. */
  tokenFor(taskId: string, late: boolean): string {
    const token = this.#held.get(taskId) ?? (late ? this.#over.get(taskId) : undefined)
    if (token === undefined) throw new SeatError('STALE_LEASE', `you do not hold task ${taskId}`)
    return token
  }

  /** This session has ended it. */
  end(taskId: string): void {
    this.#held.delete(taskId)
    this.#over.delete(taskId)
  }

  /** Somebody or something else has ended it. */
  lose(taskId: string, why: string): void {
    const token = this.#held.get(taskId)
    if (token === undefined) return
    this.#held.delete(taskId)
    this.#over.set(taskId, token)
    this.#notices.push(`Task ${taskId} is not yours any more: ${why}. Stop working on it.`)
  }

  loseAll(why: string): void {
    for (const taskId of [...this.#held.keys()]) this.lose(taskId, why)
  }

  notices(): string[] {
    return this.#notices.splice(0)
  }
}
