import type { Config } from '../config.ts'
import type { Clock } from '../platform/clock.ts'
import type { BackupRunner } from '../store/backup/backup-runner.ts'
import type { Reader, Store, Transaction } from '../store/store.ts'
import type { Presence } from './agents/presence.ts'
import type { Feeds } from './feed/feeds.ts'
import type { Bootstrap } from './identity/bootstrap.ts'
import type { DenialLog } from './identity/denial-log.ts'
import type { Incarnations } from './identity/incarnations.ts'
import type { Issuers } from './identity/issuers/issuers.ts'
import type { LastKeyUse } from './identity/key-use.ts'
import type { Lockouts } from './identity/lockouts.ts'
import type { Pepper } from './identity/pepper.ts'
import type { RateLimiter } from './identity/rate-limiter.ts'
import type { Revocations } from './identity/revocations.ts'
import type { Tokens } from './identity/tokens.ts'
import type { InboxWaiters } from './messages/inbox-waiters.ts'
import type { Principal } from './principal.ts'
import type { ReplyWaiters } from './requests/reply-waiters.ts'
import type { RetentionProgress } from './retention-progress.ts'
import type { ClaimGroupCache } from './tasks/claim-group-cache.ts'
import type { ClaimQueue } from './tasks/claim-queue.ts'
import type { LeaseEndSubscribers } from './tasks/lease-end-subscribers.ts'
import type { LeaseTokens } from './tasks/lease-tokens.ts'

/** Who calls, and whether that caller may still be served. */
export interface IdentityServices {
  readonly tokens: Tokens
  readonly issuers: Issuers
  readonly pepper: Pepper
  readonly keyUse: LastKeyUse
  readonly bootstrap: Bootstrap
  readonly incarnations: Incarnations
  readonly revocations: Revocations
  readonly lockouts: Lockouts
  readonly rateLimiter: RateLimiter
  readonly denials: DenialLog
}

/** Those who wait in this process until a commit notifies them. */
export interface Waiters {
  /** Claims without a task. */
  readonly claims: ClaimQueue
  readonly leaseEnds: LeaseEndSubscribers
  readonly inboxes: InboxWaiters
  /** Requests without an answer. */
  readonly replies: ReplyWaiters
}

/** Everything the server is made of; one of each. */
export interface Services {
  readonly config: Config
  readonly clock: Clock
  readonly store: Store
  readonly feeds: Feeds
  readonly presence: Presence
  readonly claimGroups: ClaimGroupCache
  readonly leaseTokens: LeaseTokens
  readonly waiters: Waiters
  readonly identity: IdentityServices
  /** Absent where the database is not a file of this server's. */
  readonly backupRunner: BackupRunner | undefined
  readonly retentionProgress: RetentionProgress
  /** When the server started, by the monotonic clock. */
  readonly startedAt: number
  /**
   * The store's time as this process knows it, in milliseconds since 1970. It is good enough for
   * presence and not for leases, which the store judges in its own transaction.
   */
  readonly now: () => number
}

/** The services that operations use. */
export interface OperationServices extends Omit<Services, 'retentionProgress' | 'identity'> {
  readonly identity: Omit<IdentityServices, 'incarnations' | 'revocations' | 'lockouts' | 'rateLimiter' | 'denials'>
}

/** How a reply that holds a secret is kept for a repeat: what to store, and how to find the reply again from that. */
export interface Replay<T> {
  /** Nothing is kept when this returns undefined. */
  readonly toStored: (reply: T) => unknown
  readonly fromStored: (tx: Transaction, kept: unknown) => Promise<T>
}

/** What an operation gets. */
export interface Context extends OperationServices {
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
