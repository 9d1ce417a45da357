import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, gt, isNotNull } from 'drizzle-orm'
import type { Principal } from '../principal.ts'
import { type Query, type Reader, statement } from '../store/store.ts'

type Ended = `session ${string}` | `key ${string}`

const sessionsSince = statement(({ db, t, p }: Query<{ since: number }>) =>
  db
    .select({ id: t.sessions.id, revokedAt: t.sessions.revokedAt })
    .from(t.sessions)
    .where(and(isNotNull(t.sessions.revokedAt), gt(t.sessions.revokedAt, p.since)))
    .prepare(),
)

const keysSince = statement(({ db, t, p }: Query<{ since: number }>) =>
  db
    .select({ id: t.credentials.id, revokedAt: t.credentials.revokedAt })
    .from(t.credentials)
    .where(and(isNotNull(t.credentials.revokedAt), gt(t.credentials.revokedAt, p.since)))
    .prepare(),
)

const endingsOf = ({ sessionId, key }: Principal): Ended[] => [
  ...(sessionId === undefined ? [] : [`session ${sessionId}` as const]),
  ...(key ? [`key ${key.id}` as const] : []),
]

/**
 * Which sessions and keys were revoked lately, so that reads and sockets of theirs stop at once. A cache: their writes are
 * fenced in the transaction itself. It is told after each commit of this process, and reads what others revoked.
 */
export class Revocations {
  readonly #revoked = new Map<Ended, number>()
  readonly #listeners = new Set<() => void>()

  /** By this process, just now. */
  note({ sessions, key }: { readonly sessions: readonly string[]; readonly key?: string }, at: number): void {
    this.#add(
      sessions.map((id) => `session ${id}` as const),
      at,
    )
    if (key !== undefined) this.#add([`key ${key}`], at)
  }

  /** Reads those since then, whoever revoked them. */
  async catchUp(reader: Reader, since: number): Promise<void> {
    const sessions = await reader.run(sessionsSince, { since })
    const keys = await reader.run(keysSince, { since })
    this.#add(
      [...sessions.map(({ id }) => `session ${id}` as const), ...keys.map(({ id }) => `key ${id}` as const)],
      reader.now,
    )
  }

  /** Forgets sessions revoked before: no token of theirs can be that old. Keys are few, and what was opened with one may be. */
  forget(before: number): void {
    for (const [ended, at] of this.#revoked)
      if (at < before && ended.startsWith('session ')) this.#revoked.delete(ended)
  }

  isRevoked(principal: Principal): boolean {
    return endingsOf(principal).some((ended) => this.#revoked.has(ended))
  }

  /** Throws TOKEN_REVOKED. */
  require(principal: Principal): void {
    if (this.isRevoked(principal))
      throw new CoordinationError(
        'TOKEN_REVOKED',
        principal.key ? 'this key has been revoked' : 'this session has been revoked: register again',
      )
  }

  /** Called when something was revoked; ask `isRevoked` whose it was. */
  onRevoke(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #add(ended: readonly Ended[], at: number): void {
    const fresh = ended.filter((one) => !this.#revoked.has(one))
    for (const one of fresh) this.#revoked.set(one, at)
    if (fresh.length > 0) for (const listener of this.#listeners) listener()
  }
}
