import type { Presence } from './agents/presence.ts'
import type { Tokens } from './auth/tokens.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import type { Streams } from './events/streams.ts'
import type { Incarnations } from './guards/incarnations.ts'
import type { LeaseTokens } from './leases/token.ts'
import type { Inboxes } from './messages/inboxes.ts'
import type { Principal } from './principal.ts'
import type { Replies } from './requests/replies.ts'
import type { Reader, Store, Transaction } from './store/store.ts'
import type { Held } from './tasks/held.ts'
import type { Queue } from './tasks/queue.ts'
import type { Routes } from './tasks/routes.ts'

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
  readonly tokens: Tokens
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
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>
  /**
   * One transaction in the caller's project, fenced by its incarnation, and done once for its idempotency key. `work` may run
   * more than once: it awaits nothing but statements and has no effect outside `tx`.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>, replay?: Replay<T>): Promise<T>
}
