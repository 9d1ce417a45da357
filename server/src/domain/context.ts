import type { Config } from '../config.ts'
import type { Denials } from '../guards/denials.ts'
import type { Rates } from '../guards/rates.ts'
import type { Clock } from '../platform/clock.ts'
import type { BackupRunner } from '../store/backup/backup-runner.ts'
import type { Reader, Store, Transaction } from '../store/store.ts'
import type { RetentionProgress } from '../sweeps/retention/progress.ts'
import type { Presence } from './agents/presence.ts'
import type { Feeds } from './feed/feeds.ts'
import type { Bootstrap } from './identity/bootstrap.ts'
import type { LastKeyUse } from './identity/check-key.ts'
import type { Incarnations } from './identity/incarnations.ts'
import type { Issuers } from './identity/issuers/issuers.ts'
import type { Lockouts } from './identity/lockouts.ts'
import type { Pepper } from './identity/pepper.ts'
import type { Revocations } from './identity/revocations.ts'
import type { Tokens } from './identity/tokens.ts'
import type { InboxWaiters } from './messages/inbox-waiters.ts'
import type { Principal } from './principal.ts'
import type { ReplyWaiters } from './requests/reply-waiters.ts'
import type { ClaimGroupCache } from './tasks/claim-group-cache.ts'
import type { ClaimQueue } from './tasks/claim-queue.ts'
import type { LeaseEndSubscribers } from './tasks/lease-end-subscribers.ts'
import type { LeaseTokens } from './tasks/lease-tokens.ts'

/** What the server is made of; one of each. */
export interface Services {
  readonly config: Config
  readonly clock: Clock
  readonly store: Store
  readonly feeds: Feeds
  readonly queue: ClaimQueue
  readonly claimGroups: ClaimGroupCache
  readonly leaseEndSubscribers: LeaseEndSubscribers
  readonly leaseTokens: LeaseTokens
  readonly inboxes: InboxWaiters
  readonly replies: ReplyWaiters
  readonly presence: Presence
  readonly incarnations: Incarnations
  readonly revocations: Revocations
  readonly denials: Denials
  readonly rateLimiter: Rates
  readonly lockouts: Lockouts
  readonly tokens: Tokens
  readonly issuers: Issuers
  readonly pepper: Pepper
  readonly keyUse: LastKeyUse
  readonly bootstrap: Bootstrap
  /** Absent where the database is not a file of this server's. */
  readonly backupRunner: BackupRunner | undefined
  readonly retentionProgress: RetentionProgress
  /** When the server started, by the monotonic clock. */
  readonly startedAt: number
  /** The store's time as this process knows it, in milliseconds since 1970: for signs of life, not for leases. */
  readonly now: () => number
}

/** How a reply that holds a secret is kept for a repeat: what to store, and how to find the reply again from that. */
export interface Replay<T> {
  /** Nothing is kept when this returns undefined. */
  readonly toStored: (reply: T) => unknown
  readonly fromStored: (tx: Transaction, kept: unknown) => Promise<T>
}

/** What an operation gets. */
export interface Context extends Services {
  readonly principal: Principal
  readonly signal: AbortSignal
  readonly requestId: string
  /** Goes on as this caller on the same socket. Without effect over HTTP, where each request says who it is. */
  readonly reauthenticate: (principal: Principal) => void
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  /**
   * One transaction in the caller's project, fenced by its session or its key, and done once for its idempotency key. `work` may run
   * more than once: it awaits nothing but statements and has no effect outside `tx`.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>, replay?: Replay<T>): Promise<T>
}
