import type { Config } from '../config.ts'
import type { Denials } from '../guards/denials.ts'
import type { Rates } from '../guards/rates.ts'
import type { Clock } from '../platform/clock.ts'
import type { Backups } from '../store/backup/backup-runner.ts'
import type { Reader, Store, Transaction } from '../store/store.ts'
import type { Retained } from '../sweeps/retention/progress.ts'
import type { Presence } from './agents/presence.ts'
import type { Streams } from './feed/feeds.ts'
import type { Bootstrap } from './identity/bootstrap.ts'
import type { KeyUse } from './identity/check-key.ts'
import type { Incarnations } from './identity/incarnations.ts'
import type { Issuers } from './identity/issuers/issuers.ts'
import type { Lockouts } from './identity/lockouts.ts'
import type { Pepper } from './identity/pepper.ts'
import type { Revocations } from './identity/revocations.ts'
import type { Tokens } from './identity/tokens.ts'
import type { Inboxes } from './messages/inbox-waiters.ts'
import type { Principal } from './principal.ts'
import type { Replies } from './requests/reply-waiters.ts'
import type { Routes } from './tasks/claim-group-cache.ts'
import type { Held } from './tasks/lease-end-subscribers.ts'
import type { LeaseTokens } from './tasks/lease-tokens.ts'
import type { Queue } from './tasks/claim-queue.ts'

/** What the server is made of; one of each. */
export interface Parts {
  readonly config: Config
  readonly clock: Clock
  readonly store: Store
  readonly streams: Streams
  readonly queue: Queue
  readonly routes: Routes
  readonly held: Held
  readonly leaseTokens: LeaseTokens
  readonly inboxes: Inboxes
  readonly replies: Replies
  readonly presence: Presence
  readonly incarnations: Incarnations
  readonly revocations: Revocations
  readonly denials: Denials
  readonly rates: Rates
  readonly lockouts: Lockouts
  readonly tokens: Tokens
  readonly issuers: Issuers
  readonly pepper: Pepper
  readonly keyUse: KeyUse
  readonly bootstrap: Bootstrap
  /** Absent where the database is not a file of this server's. */
  readonly backups: Backups | undefined
  readonly retained: Retained
  /** When the server started, by the monotonic clock. */
  readonly startedAt: number
  /** The store's time as this process knows it, in milliseconds since 1970: for signs of life, not for leases. */
  readonly now: () => number
}

/** How a reply that holds a secret is kept for a repeat: what to store, and how to find the reply again from that. */
export interface Replay<T> {
  /** Nothing is kept when this returns undefined. */
  readonly keep: (reply: T) => unknown
  readonly find: (tx: Transaction, kept: unknown) => Promise<T>
}

/** What an operation gets. */
export interface Context extends Parts {
  readonly principal: Principal
  readonly signal: AbortSignal
  readonly requestId: string
  /** Goes on as this caller on the same socket. Without effect over HTTP, where each request says who it is. */
  readonly renew: (principal: Principal) => void
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  /**
   * One transaction in the caller's project, fenced by its session or its key, and done once for its idempotency key. `work` may run
   * more than once: it awaits nothing but statements and has no effect outside `tx`.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>, replay?: Replay<T>): Promise<T>
}
