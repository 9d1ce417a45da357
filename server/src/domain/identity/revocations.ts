import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, gt, isNotNull } from 'drizzle-orm'
import type { Clock } from '../../platform/clock.ts'
import { type Reader, type StatementParts, type Store, statement } from '../../store/store.ts'
import type { Principal } from '../principal.ts'

type RevocableId = `session ${string}` | `key ${string}`

const findSessionsRevokedSince = statement(({ db, t, p }: StatementParts<{ since: number }>) =>
  db
    .select({ id: t.sessions.id, revokedAt: t.sessions.revokedAt })
    .from(t.sessions)
    .where(and(isNotNull(t.sessions.revokedAt), gt(t.sessions.revokedAt, p.since)))
    .prepare(),
)

const findKeysRevokedSince = statement(({ db, t, p }: StatementParts<{ since: number }>) =>
  db
    .select({ id: t.credentials.id, revokedAt: t.credentials.revokedAt })
    .from(t.credentials)
    .where(and(isNotNull(t.credentials.revokedAt), gt(t.credentials.revokedAt, p.since)))
    .prepare(),
)

const revocableIdsOf = ({ sessionId, key }: Principal): RevocableId[] => [
  ...(sessionId === undefined ? [] : [`session ${sessionId}` as const]),
  ...(key ? [`key ${key.id}` as const] : []),
]

/** Longer than any commit takes to become visible after its time. */
const overlapMs = 10_000

/** A process that has not read revocations for this time serves no caller. */
const staleMs = 5_000

/** The longest wait of a call for a read before it is refused. */
const refreshTimeoutMs = 500

/**
 * The sessions and keys that were revoked recently, so that their reads and sockets stop at once.
 * This is a cache: the transaction itself fences writes. Commits of this process are recorded here;
 * revocations of other processes are read from the store.
 */
export class Revocations {
  readonly #clock: Clock
  readonly #store: Store
  readonly #revoked = new Map<RevocableId, number>()
  readonly #listeners = new Set<() => void>()
  /**
   * The store's time at the last read. The next read begins a little before it, however old it is.
   */
  #readUpTo = 0
  /** Start of the last successful read, by the monotonic clock. */
  #refreshedAt: number
  #isFailing = false
  #refreshing: Promise<void> | undefined

  constructor(clock: Clock, store: Store) {
    this.#clock = clock
    this.#store = store
    this.#refreshedAt = clock.monotonic()
  }

  /** Records revocations that this process has just committed. */
  record({ sessions, key }: { readonly sessions: readonly string[]; readonly key?: string }, at: number): void {
    this.#add(
      sessions.map((id) => `session ${id}` as const),
      at,
    )
    if (key !== undefined) this.#add([`key ${key}`], at)
  }

  /**
   * Reads, before the first caller, every revocation that can concern a token that is still valid.
   */
  load(tokenLifeMs: number): Promise<void> {
    this.#readUpTo = this.#store.now() - 2 * tokenLifeMs
    return this.refresh()
  }

  /** Reads the new revocations of all processes. Concurrent calls share one read. */
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

  /** True if the last read is too old, so that the next read must precede any reply. */
  get isStale(): boolean {
    return this.#clock.monotonic() - this.#refreshedAt > staleMs
  }

  /** Milliseconds without a view of other processes' revocations; 0 unless reads fail. */
  get unreadableMs(): number {
    return this.#isFailing ? this.#clock.monotonic() - this.#refreshedAt : 0
  }

  /** True if that time is too long to serve any caller. */
  get isUnreadable(): boolean {
    return this.unreadableMs > staleMs
  }

  /**
   * Starts one read and waits for it for a limited time. Never throws: `requireReadable` reports a
   * failure.
   */
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
   * Throws STORE_UNAVAILABLE while this process cannot read revocations. In a network partition
   * without the database, revoked callers would otherwise be served for as long as the partition
   * lasts.
   */
  requireReadable(): void {
    if (!this.isUnreadable) return
    throw new CoordinationError(
      'STORE_UNAVAILABLE',
      'this server cannot read revocations from its database: try again',
      {
        retryAfterMs: 1_000,
      },
    )
  }

  async #readSince(reader: Reader, since: number): Promise<void> {
    const sessions = await reader.run(findSessionsRevokedSince, { since })
    const keys = await reader.run(findKeysRevokedSince, { since })
    this.#add(
      [...sessions.map(({ id }) => `session ${id}` as const), ...keys.map(({ id }) => `key ${id}` as const)],
      reader.now,
    )
    this.#readUpTo = Math.max(this.#readUpTo, reader.now)
  }

  /**
   * Drops sessions revoked before `time`: no valid token of theirs can be that old. Keys are few,
   * and connections opened with one may be that old.
   */
  dropSessionRevocationsBefore(time: number): void {
    for (const [id, at] of this.#revoked) if (at < time && id.startsWith('session ')) this.#revoked.delete(id)
  }

  isRevoked(principal: Principal): boolean {
    return revocableIdsOf(principal).some((id) => this.#revoked.has(id))
  }

  /** Throws TOKEN_REVOKED if the caller's session or key is revoked. */
  requireNotRevoked(principal: Principal): void {
    if (this.isRevoked(principal))
      throw new CoordinationError(
        'TOKEN_REVOKED',
        principal.key ? 'this key has been revoked' : 'this session has been revoked: register again',
      )
  }

  /** Calls the listener after a revocation; `isRevoked` tells it whose it was. */
  onRevoke(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #add(ids: readonly RevocableId[], at: number): void {
    const newIds = ids.filter((id) => !this.#revoked.has(id))
    for (const one of newIds) this.#revoked.set(one, at)
    if (newIds.length > 0) for (const listener of this.#listeners) listener()
  }
}
