import type { Permission } from '@tony/mcp-shared/policy'
import type { Services } from '../domain/context.ts'
import type { Caller } from '../domain/identity/caller.ts'
import type { Principal } from '../domain/principal.ts'
import type { Log } from '../platform/log.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { QueuedInput } from '../platform/queued-inputs.ts'
import type { ReplyBudget, ReplyShare } from '../platform/reply-budget.ts'
import type { Lane } from '../store/store.ts'

/** Properties of a procedure, from which the transports, the client and the docs are derived. */
export interface ProcedureMeta {
  /** Permission that the caller's role must grant; `open` for procedures that need no principal. */
  readonly permission: Permission | 'open'
  /** Cost of a call in the rate limits. Default 1. */
  readonly cost?: number
  /**
   * True if a repeated call has the effect of one, so that a client may repeat it after a lost
   * reply.
   */
  readonly repeatable?: true
  /** Input field with the longest wait for an answer, if that is not `waitMs`. */
  readonly waitField?: 'timeoutMs'
  /** Lane of its writes. Default `normal`; `urgent` is never refused as overload. */
  readonly lane?: Lane
}

/** The connection of one caller: a socket, or one HTTP request. */
export interface Connection extends Caller {
  readonly services: Services
  readonly log: Log
  readonly metrics: Metrics
  /** The transport that carries the caller's calls. */
  readonly transport: 'ws' | 'http' | 'rest' | 'mcp' | 'a2a'
  /** Replaces the principal after a re-authentication; only a socket can do it. */
  readonly renew?: ((principal: Principal) => void) | undefined
  /** The bytes of all calls, if they come with one HTTP request. */
  readonly queuedInput?: QueuedInput | undefined
  /** Bounds the memory of the replies. Without it they have no bound. */
  readonly replyBudget?: ReplyBudget | undefined
}

/** One call on its way through the guards. */
export interface Call {
  readonly connection: Connection
  readonly requestId: string
  readonly path: string
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly meta: ProcedureMeta
  readonly rawInput: unknown
  /** The bytes that the call came with; it shares them with the other calls of its frame. */
  readonly queuedInput?: QueuedInput | undefined
  /** The call's share of `connection.replyBudget`; a subscription has none. */
  readonly replyShare?: ReplyShare | undefined
  /** Anonymous until the guard `authenticate` has set it. */
  principal: Principal
}

export type CallOutcome = { readonly ok: true } | { readonly ok: false; readonly error: unknown }

/**
 * Runs before a call and may refuse it by throwing. The function it returns gets the outcome of the
 * call.
 */
export type Guard = (call: Call) => ((outcome: CallOutcome) => void) | undefined
