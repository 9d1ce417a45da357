import type { Permission } from '@tony/mcp-shared/policy'
import type { Services } from '../domain/context.ts'
import type { Caller } from '../domain/identity/caller.ts'
import type { Principal } from '../domain/principal.ts'
import type { Log } from '../platform/log.ts'
import type { Metrics } from '../platform/metrics.ts'

/** What a procedure says of itself; everything that surfaces need to know is read off this. */
export interface ProcedureMeta {
  /** What the caller's role must grant; `open` for procedures that need no caller. */
  readonly permission: Permission | 'open'
  /** Weight for rate limits. Default 1. */
  readonly cost?: number
  /** Whether doing it twice is as good as once, so that a client may repeat it when a reply was lost. */
  readonly repeatable?: true
  /** The field of its input that says how long it may wait for an answer, where that is not `waitMs`. */
  readonly waitField?: 'timeoutMs'
  /** Where REST has it. */
  readonly rest?: { readonly method: 'POST' | 'GET'; readonly path: `/api/${string}` }
}

/** One caller's way in: a socket, or one HTTP request. */
export interface Connection extends Caller {
  readonly services: Services
  readonly log: Log
  readonly metrics: Metrics
  /** How the caller came in. */
  readonly transport: 'ws' | 'http' | 'rest' | 'mcp'
  /** Goes on as this caller; only a socket can. */
  readonly renew?: ((principal: Principal) => void) | undefined
}

/** One call on its way through the guards. */
export interface Call {
  readonly connection: Connection
  readonly requestId: string
  readonly path: string
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly meta: ProcedureMeta
  readonly rawInput: unknown
  /** Nobody until the guard `authenticate` has established who calls. */
  principal: Principal
}

export type CallOutcome = { readonly ok: true } | { readonly ok: false; readonly error: unknown }

/** Runs before a call and may refuse it by throwing. What it returns is told how the call ended. */
export type Guard = (call: Call) => ((outcome: CallOutcome) => void) | undefined
