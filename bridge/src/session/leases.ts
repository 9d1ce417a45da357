import { SeatError } from '@tony/mcp-tools/refusals'

interface Held {
  readonly token: string
  readonly attempt: number
}

/** The tasks a session holds, by id, with what proves it. */
export class Leases {
  readonly #held = new Map<string, Held>()
  /** Of leases that are over: a result that comes late may still count, and is kept in any case. */
  readonly #over = new Map<string, string>()
  readonly #notices: string[] = []

  hold({ id, leaseToken: token, attempt }: { id: string; leaseToken: string; attempt: number }): void {
    this.#over.delete(id)
    this.#held.set(id, { token, attempt })
  }

  list(): { taskId: string; leaseToken: string }[] {
    return [...this.#held].map(([taskId, { token: leaseToken }]) => ({ taskId, leaseToken }))
  }

  /** What proves the lease of a task. Throws with the code STALE_LEASE where there is none. */
  tokenFor(taskId: string, late: boolean): string {
    const token = this.#held.get(taskId)?.token ?? (late ? this.#over.get(taskId) : undefined)
    if (token === undefined) throw new SeatError('STALE_LEASE', `you do not hold task ${taskId}`)
    return token
  }

  /** This session has ended it. */
  end(taskId: string): void {
    this.#held.delete(taskId)
    this.#over.delete(taskId)
  }

  /** Somebody or something else has ended it; with an attempt only where that is the one that is held. */
  lose(taskId: string, why: string, attempt?: number): void {
    const held = this.#held.get(taskId)
    if (held === undefined || (attempt ?? held.attempt) !== held.attempt) return
    this.#held.delete(taskId)
    this.#over.set(taskId, held.token)
    this.#notices.push(`Task ${taskId} is not yours any more: ${why}. Stop working on it.`)
  }

  loseAll(why: string): void {
    for (const taskId of [...this.#held.keys()]) this.lose(taskId, why)
  }

  notices(): string[] {
    return this.#notices.splice(0)
  }
}
