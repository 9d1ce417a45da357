import type { Config } from '../config.ts'
import type { Clock } from '../platform/clock.ts'
import type { QueuedInputs } from '../platform/queued-inputs.ts'
import type { PageSlots } from '../platform/reply-budget.ts'
import type { BackupRunner } from '../store/backup/backup-runner.ts'
import type { Reader, Store, Transaction } from '../store/store.ts'
import type { Presence } from './agents/presence.ts'
import type { Feeds } from './feed/feeds.ts'
import type { HistoryRecorder } from './history/recorder.ts'
import type { Bootstrap } from './identity/bootstrap.ts'
import type { DenialLog } from './identity/denial-log.ts'
import type { Incarnations } from './identity/incarnations.ts'
import type { Issuers } from './identity/issuers/issuers.ts'
import type { LastKeyUse } from './identity/key-use.ts'
import type { Lockouts } from './identity/lockouts.ts'
import type { Pepper } from './identity/pepper.ts'
import type { RateLimiter } from './identity/rate-limiter.ts'
import type { Revocations } from './identity/revocations.ts'
import type { AccessTokens } from './identity/tokens.ts'
import type { InboxWaiters } from './messages/inbox-waiters.ts'
import type { Principal } from './principal.ts'
import type { ReplyWaiters } from './requests/reply-waiters.ts'
import type { RetentionProgress } from './retention-progress.ts'
import type { ClaimGroupCache } from './tasks/claim-group-cache.ts'
import type { ClaimWaiters } from './tasks/claim-waiters.ts'
import type { LeaseEndSubscribers } from './tasks/lease-end-subscribers.ts'
import type { LeaseTokens } from './tasks/lease-tokens.ts'
import type { WebhookSender } from './webhooks/sender.ts'

/** The services that identify callers and decide if they may still be served. */
export interface IdentityServices {
  readonly tokens: AccessTokens
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

/** The waiters of this process. Commits notify them. */
export interface Waiters {
  /** Claims that wait for a task. */
  readonly claims: ClaimWaiters
  readonly leaseEnds: LeaseEndSubscribers
  readonly inboxes: InboxWaiters
  /** Calls that wait for the reply to a request. */
  readonly replies: ReplyWaiters
}

/** The long-lived objects of a server, one of each. */
export interface Services {
  readonly config: Config
  readonly clock: Clock
  readonly store: Store
  readonly feeds: Feeds
  readonly presence: Presence
  readonly history: HistoryRecorder
  readonly webhooks: WebhookSender
  readonly claimGroups: ClaimGroupCache
  readonly leaseTokens: LeaseTokens
  readonly waiters: Waiters
  readonly identity: IdentityServices
  /** Undefined where the database is not a file of this server. */
  readonly backupRunner: BackupRunner | undefined
  readonly retentionProgress: RetentionProgress
  readonly pageSlots: PageSlots
  readonly queuedInputs: QueuedInputs
  /** Start of the server, by the monotonic clock. */
  readonly startedAt: number
  /**
   * The store's time as this process estimates it, in milliseconds since 1970. It is good enough
   * for presence but not for leases, which the store judges in its own transaction.
   */
  readonly now: () => number
}

/** The services that operations use. */
export interface OperationServices
  extends Omit<Services, 'history' | 'retentionProgress' | 'pageSlots' | 'queuedInputs' | 'identity'> {
  readonly identity: Omit<IdentityServices, 'incarnations' | 'revocations' | 'lockouts' | 'rateLimiter' | 'denials'>
}

/** Stores a reply that holds a secret in another form, and restores it for a repeated call. */
export interface ReplyCodec<T> {
  /** Returns the form to store; undefined stores nothing. */
  readonly toStored: (reply: T) => unknown
  readonly fromStored: (tx: Transaction, kept: unknown) => Promise<T>
}

export interface TransactOptions<T> {
  readonly replay?: ReplyCodec<T>
  /** This transaction among those of a call that does its work in several. */
  readonly step?: CallStep<T>
  /** See `serialKeys` of the scope. The idempotency key of the call is one of its own. */
  readonly serialKeys?: readonly string[] | undefined
}

/**
 * A step of a call. Each has an idempotency key of its own, so that a repeated call does only the
 * steps that are missing.
 */
export interface CallStep<T> {
  readonly number: number
  /**
   * Returns the result of the step from the reply of the whole call. Earlier versions did the call
   * in one transaction, and stored its reply under the key of the call.
   */
  readonly partOf: (reply: unknown) => T
}

/** The services and the caller of one call. */
export interface Context extends OperationServices {
  readonly principal: Principal
  readonly signal: AbortSignal
  readonly requestId: string
  /**
   * Continues as this caller on the same socket. It has no effect over HTTP, where each request
   * carries its own credential.
   */
  readonly reauthenticate: (principal: Principal) => void
  /**
   * Reads for the reply. The reads of a connection take turns, and wait while its caller has not
   * read earlier replies.
   */
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  /**
   * Runs `work` in one transaction of the caller's project, fenced by the caller's session or key.
   * An idempotency key takes effect once. `work` may run more than once: it awaits only statements
   * and has no effect outside `tx`.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>, options?: TransactOptions<T>): Promise<T>
  /**
   * Counts rows that the call has written without an event in `transact`. The caller pays for many
   * rows.
   */
  chargeRows(rows: number): void
  /**
   * Does what `transact` does, for a reply that may be large. Its work starts only while the
   * connection has room for the reply, so that nothing is handed out that cannot be sent.
   */
  transactLargeReply<T>(work: (tx: Transaction) => Promise<T>, options?: TransactOptions<T>): Promise<T>
}
