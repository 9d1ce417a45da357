import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, gt, isNotNull } from 'drizzle-orm'
import type { Clock } from '../../platform/clock.ts'
import { type Query, type Reader, type Store, statement } from '../../store/store.ts'
import type { Principal } from '../principal.ts'

type RevokedId = `session ${string}` | `key ${string}`

const sessionsRevokedSince = statement(({ db, t, p }: Query<{ since: number }>) =>
  db
    .select({ id: t.sessions.id, revokedAt: t.sessions.revokedAt })
    .from(t.sessions)
    .where(and(isNotNull(t.sessions.revokedAt), gt(t.sessions.revokedAt, p.since)))
    .prepare(),
)

const keysRevokedSince = statement(({ db, t, p }: Query<{ since: number }>) =>
  db
    .select({ id: t.credentials.id, revokedAt: t.credentials.revokedAt })
    .from(t.credentials)
    .where(and(isNotNull(t.credentials.revokedAt), gt(t.credentials.revokedAt, p.since)))
    .prepare(),
)

const revokedIdsOf = ({ sessionId, key }: Principal): RevokedId[] => [
  ...(sessionId === undefined ? [] : [`session ${sessionId}` as const]),
  ...(key ? [`key ${key.id}` as const] : []),
]

/** Longer than a commit takes to be seen after the time it names. */
const overlapMs = 10_000

/** Who could not look for so long serves nobody any more. */
const staleMs = 5_000

/** How long a call waits for a look before it is refused. */
const refreshTimeoutMs = 500

/**
 * Which sessions and keys were revoked lately, so that reads and sockets of theirs stop at once. A cache: their writes are
 * fenced in the transaction itself. It is told after each commit of this process, and reads what others revoked.
 */
export class Revocations {
  readonly #clock: Clock
  readonly #store: Store
  readonly #revoked = new Map<RevokedId, number>()
  readonly #listeners = new Set<() => void>()
  /** The store's time of the last look: the next one begins a while before it, however long ago that was. */
  #readUpTo = 0
  /** When that look began, by the monotonic clock. */
  #refreshedAt: number
  #isFailing = false
  #refreshing: Promise<void> | undefined

  constructor(clock: Clock, store: Store) {
    this.#clock = clock
    this.#store = store
    this.#refreshedAt = clock.monotonic()
  }

  /** By this process, just now. */
  record({ sessions, key }: { readonly sessions: readonly string[]; readonly key?: string }, at: number): void {
    this.#add(
      sessions.map((id) => `session ${id}` as const),
      at,
    )
    if (key !== undefined) this.#add([`key ${key}`], at)
  }

  /** Before the first caller: all that a token which is still good could be of. */
  load(tokenLifeMs: number): Promise<void> {
    this.#readUpTo = this.#store.now() - 2 * tokenLifeMs
    return this.refresh()
  }

  /** Reads what is new, whoever revoked it. Who asks while one is under way waits for the same. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #read(): Promise<void> {
    const began = this.#clock.monotonic()
    try {
      await this.#store.read((reader) => this.#readSince(reader, this.#readUpTo - overlapMs))
    } catch (error) {
      this.#isFailing = true
      throw error
    }
    this.#isFailing = false
    this.#refreshedAt = began
  }

  /** Whether the last look is so long ago that the next must come before anybody is served. */
  get isStale(): boolean {
    return this.#clock.monotonic() - this.#refreshedAt > staleMs
  }

  /** How long this process has not seen what others revoke, in milliseconds: 0 unless looking fails. */
  get unreadableMs(): number {
    return this.#isFailing ? this.#clock.monotonic() - this.#refreshedAt : 0
  }

  /** Whether that is too long to serve anybody. */
  get isUnreadable(): boolean {
    return this.unreadableMs > staleMs
  }

  /** One look, waited for a moment. Whether it brought anything `requireSight` says: it never throws. */
  async tryRefresh(): Promise<void> {
    let cancel: () => void = () => undefined
    const timedOut = new Promise<'late'>((resolve) => {
      cancel = this.#clock.timer(refreshTimeoutMs, () => resolve('late'))
    })
    const [outcome] = await Promise.allSettled([Promise.race([this.refresh(), timedOut])])
    cancel()
    if (outcome.status === 'rejected' || outcome.value === 'late') this.#isFailing = true
  }

  /**
   * Throws STORE_UNAVAILABLE while this process cannot see what others revoke: on a part of the network that the database is
   * not in, who was revoked would be served for as long as that lasts.
   */
  requireReadable(): void {
    if (!this.isUnreadable) return
    throw new CoordinationError('STORE_UNAVAILABLE', 'what was revoked cannot be seen here: try again', {
      retryAfterMs: 1_000,
    })
  }

  async #readSince(reader: Reader, since: number): Promise<void> {
    const sessions = await reader.run(sessionsRevokedSince, { since })
    const keys = await reader.run(keysRevokedSince, { since })
    this.#add(
      [...sessions.map(({ id }) => `session ${id}` as const), ...keys.map(({ id }) => `key ${id}` as const)],
      reader.now,
    )
    this.#readUpTo = Math.max(this.#readUpTo, reader.now)
  }

  /** Forgets sessions revoked before: no token of theirs can be that old. Keys are few, and what was opened with one may be. */
  deleteSessionsBefore(time: number): void {
    for (const [id, at] of this.#revoked) if (at < time && id.startsWith('session ')) this.#revoked.delete(id)
  }

  isRevoked(principal: Principal): boolean {
    return revokedIdsOf(principal).some((id) => this.#revoked.has(id))
  }

  /** Throws TOKEN_REVOKED. */
  requireNotRevoked(principal: Principal): void {
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

  #add(ids: readonly RevokedId[], at: number): void {
    const newIds = ids.filter((id) => !this.#revoked.has(id))
    for (const one of newIds) this.#revoked.set(one, at)
    if (newIds.length > 0) for (const listener of this.#listeners) listener()
  }
}
