import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, gt, isNotNull } from 'drizzle-orm'
import type { Clock } from '../../platform/clock.ts'
import { type Query, type Reader, type Store, statement } from '../../store/store.ts'
import type { Principal } from '../principal.ts'

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

/** Longer than a commit takes to be seen after the time it names. */
const windowMs = 10_000

/** Who could not look for so long serves nobody any more. */
const staleMs = 5_000

/** How long a call waits for a look before it is refused. */
const lookMs = 500

/**
 * Which sessions and keys were revoked lately, so that reads and sockets of theirs stop at once. A cache: their writes are
 * fenced in the transaction itself. It is told after each commit of this process, and reads what others revoked.
 */
export class Revocations {
  readonly #clock: Clock
  readonly #store: Store
  readonly #revoked = new Map<Ended, number>()
  readonly #listeners = new Set<() => void>()
  /** The store's time of the last look: the next one begins a while before it, however long ago that was. */
  #seenTo = 0
  /** When that look began, by the monotonic clock. */
  #freshAt: number
  #failing = false
  #reading: Promise<void> | undefined

  constructor(clock: Clock, store: Store) {
    this.#clock = clock
    this.#store = store
    this.#freshAt = clock.monotonic()
  }

  /** By this process, just now. */
  note({ sessions, key }: { readonly sessions: readonly string[]; readonly key?: string }, at: number): void {
    this.#add(
      sessions.map((id) => `session ${id}` as const),
      at,
    )
    if (key !== undefined) this.#add([`key ${key}`], at)
  }

  /** Before the first caller: all that a token which is still good could be of. */
  begin(tokenLifeMs: number): Promise<void> {
    this.#seenTo = this.#store.now() - 2 * tokenLifeMs
    return this.refresh()
  }

  /** Reads what is new, whoever revoked it. Who asks while one is under way waits for the same. */
  refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<void> {
    const began = this.#clock.monotonic()
    try {
      await this.#store.read((reader) => this.#catchUp(reader, this.#seenTo - windowMs))
    } catch (error) {
      this.#failing = true
      throw error
    }
    this.#failing = false
    this.#freshAt = began
  }

  /** Whether the last look is so long ago that the next must come before anybody is served. */
  get stale(): boolean {
    return this.#clock.monotonic() - this.#freshAt > staleMs
  }

  /** How long this process has not seen what others revoke, in milliseconds: 0 unless looking fails. */
  get blindMs(): number {
    return this.#failing ? this.#clock.monotonic() - this.#freshAt : 0
  }

  /** Whether that is too long to serve anybody. */
  get blind(): boolean {
    return this.blindMs > staleMs
  }

  /** One look, waited for a moment. Whether it brought anything `requireSight` says: it never throws. */
  async look(): Promise<void> {
    let cancel: () => void = () => undefined
    const late = new Promise<'late'>((resolve) => {
      cancel = this.#clock.timer(lookMs, () => resolve('late'))
    })
    const [outcome] = await Promise.allSettled([Promise.race([this.refresh(), late])])
    cancel()
    if (outcome.status === 'rejected' || outcome.value === 'late') this.#failing = true
  }

  /**
   * Throws STORE_UNAVAILABLE while this process cannot see what others revoke: on a part of the network that the database is
   * not in, who was revoked would be served for as long as that lasts.
   */
  requireSight(): void {
    if (!this.blind) return
    throw new CoordinationError('STORE_UNAVAILABLE', 'what was revoked cannot be seen here: try again', {
      retryAfterMs: 1_000,
    })
  }

  async #catchUp(reader: Reader, since: number): Promise<void> {
    const sessions = await reader.run(sessionsSince, { since })
    const keys = await reader.run(keysSince, { since })
    this.#add(
      [...sessions.map(({ id }) => `session ${id}` as const), ...keys.map(({ id }) => `key ${id}` as const)],
      reader.now,
    )
    this.#seenTo = Math.max(this.#seenTo, reader.now)
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
