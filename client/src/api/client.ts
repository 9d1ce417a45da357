import { normalizeServerUrl } from '../connection/address.ts'
import type { BreakerOptions } from '../connection/breaker.ts'
import type { ConnectionState, ConnectionTimeouts, StateChange } from '../connection/connection.ts'
import { Connections } from '../connection/connections.ts'
import type { RetryBudget } from '../connection/retry-budget.ts'
import type { SessionTokens } from '../connection/tokens.ts'
import { type Api, procedures } from '../generated/api.ts'
import type { RetrySafety } from './caller.ts'
import type { CallOptions, SubscribeOptions } from './calls.ts'
import { type OfflineQueueLimit, TonyError } from './errors.ts'
import { isRecord } from './is-record.ts'
import { requireKnownOptions } from './known-options.ts'

/** Record of a call or its outcome, for `onCall`. `op` numbers the calls of one client from 1. */
export type CallRecord =
  | { readonly type: 'invoke'; readonly op: number; readonly path: string; readonly input: unknown }
  | { readonly type: 'ok'; readonly op: number; readonly path: string; readonly output: unknown }
  /** `fail`: nothing changed on the server. `info`: the call may have taken effect. */
  | { readonly type: 'fail' | 'info'; readonly op: number; readonly path: string; readonly error: unknown }

/** Options of `createClient`. */
export interface ClientOptions {
  /** URL of the server. Default `http://127.0.0.1:3456`. */
  readonly url?: string
  /**
   * Access token of an agent or an API key. Without one the server must be in dev mode on this
   * machine.
   */
  readonly token?: string
  /**
   * The tokens of a registration, instead of `token`. The client refreshes them in time, on the
   * same connection.
   */
  readonly session?: SessionTokens
  /**
   * Name of the project, only without a token: a token names its own project. Default `default`.
   */
  readonly project?: string
  /** Deadline for a call including its retries, in milliseconds. Default 30 000. */
  readonly deadlineMs?: number
  /**
   * Transport of calls. `socket`: one WebSocket for all. `http`: an HTTP request for each, where
   * WebSockets are blocked. Default `socket`.
   */
  readonly calls?: 'socket' | 'http'
  /**
   * Transport of subscriptions. `sse`: an event stream for each, where WebSockets are blocked.
   * Default `socket`.
   */
  readonly subscriptions?: 'socket' | 'sse'
  /**
   * Limits for calls that wait for a connection. A call beyond them rejects with
   * OFFLINE_QUEUE_FULL. Default: 1 000 calls, 16 MiB.
   */
  readonly offlineQueue?: Partial<OfflineQueueLimit>
  /**
   * Budget for repeats of calls that the server refused. Repeats beyond it are delayed, not
   * refused. Default: `{ burst: 100, perSecond: 20 }`.
   */
  readonly retries?: Partial<RetryBudget>
  /**
   * Circuit breaker for a server that fails repeatedly. Default: `{ failures: 10, openMs: 1_000 }`.
   */
  readonly breaker?: Partial<BreakerOptions>
  /**
   * Timeouts that detect a dead connection. Default: `{ pingMs: 20_000, pongMs: 10_000, connectMs:
   * 10_000 }`.
   */
  readonly timeouts?: Partial<ConnectionTimeouts>
  /**
   * False: if no server accepts the first connection, calls fail at once with the cause. Default
   * true: they wait until their deadline, except for a fault that does not pass by itself, such as
   * an unknown host, a certificate that is not trusted or a server of another kind.
   */
  readonly waitsForServer?: boolean
  /** Called on each change of the connection. */
  readonly onState?: (state: ConnectionState, change: StateChange) => void
  /** Called before each call and after its outcome. */
  readonly onCall?: (record: CallRecord) => void
}

/** The state of a client's connection. */
export interface Connectivity {
  /** The current state, as in the last change. */
  readonly state: ConnectionState
  /** Calls `listener` on each later change. Returns a function that removes it. */
  onChange(listener: (change: StateChange) => void): () => void
}

/**
 * A typed function for every procedure of the server, over a connection that is reopened after each
 * loss. Each function rejects with TonyError.
 */
export interface Client extends Api {
  /** The state of the connection to the server. */
  readonly connection: Connectivity
  /**
   * Closes the client for good. Open calls reject with CLIENT_CLOSED, subscriptions finish, and
   * nothing keeps the process alive.
   */
  close(): void
}

/** The names of all options. */
export const clientOptionNames: Readonly<Record<keyof ClientOptions, true>> = {
  url: true,
  token: true,
  session: true,
  project: true,
  deadlineMs: true,
  calls: true,
  subscriptions: true,
  offlineQueue: true,
  retries: true,
  breaker: true,
  timeouts: true,
  waitsForServer: true,
  onState: true,
  onCall: true,
}

/**
 * Returns a UUID of version 7: 48 bits of time before the random ones. Keys of one time are stored
 * close together, which costs the server less than keys without an order.
 */
function createIdempotencyKey(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`
}

function withIdempotencyKey(input: unknown): unknown {
  if (!isRecord(input)) return input
  // JSON omits an undefined key, and the call would be repeated without one.
  return input['idempotencyKey'] === undefined ? { ...input, idempotencyKey: createIdempotencyKey() } : input
}

interface Procedure {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly repeat: RetrySafety
  /**
   * Name and default of the input field with the time that the call blocks on the server, if that
   * is not `waitMs`.
   */
  readonly waits?: { readonly field: string; readonly byDefault: number }
}

type CallableProcedure = Procedure & { readonly path: string; readonly kind: 'query' | 'mutation' }

/** Returns the deadline of a call whose blocking time is in a field of its own. */
function deadlineOptionsOf(deadlineMs: number, input: unknown, waits: Procedure['waits']): CallOptions {
  if (waits === undefined) return {}
  const given = isRecord(input) ? input[waits.field] : undefined
  return { deadlineMs: deadlineMs + (typeof given === 'number' ? given : waits.byDefault) }
}

const defaultTimeouts: ConnectionTimeouts = { pingMs: 20_000, pongMs: 10_000, connectMs: 10_000 }
const defaultOfflineQueue: OfflineQueueLimit = { calls: 1_000, bytes: 16_777_216 }
const defaultRetries: RetryBudget = { burst: 100, perSecond: 20 }
const defaultBreaker: BreakerOptions = { failures: 10, openMs: 1_000 }

/** Opens the connections for these options and returns them with their state. */
function openConnections(options: ClientOptions, url: string, deadlineMs: number): [Connections, Connectivity] {
  const { token, session, project, calls = 'socket', subscriptions = 'socket', onState } = options
  const listeners = new Set<(change: StateChange) => void>()
  const transport = new Connections({
    url: normalizeServerUrl(url),
    calls,
    subscriptions,
    deadlineMs,
    waitsForServer: options.waitsForServer ?? true,
    timeouts: { ...defaultTimeouts, ...options.timeouts },
    queue: { ...defaultOfflineQueue, ...options.offlineQueue },
    budget: { ...defaultRetries, ...options.retries },
    breaker: { ...defaultBreaker, ...options.breaker },
    onState: (change) => {
      onState?.(change.state, change)
      for (const listener of listeners) listener(change)
    },
    ...(token === undefined ? {} : { token }),
    ...(session === undefined ? {} : { session }),
    ...(project === undefined ? {} : { project }),
  })
  const connection: Connectivity = {
    get state() {
      return transport.state
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  return [transport, connection]
}

/**
 * Mutations that are repeated after a lost reply although they have no idempotency key. The server
 * redelivers the messages of a lost reply in any case, so a repeat does no harm.
 */
const retriedMutations: ReadonlySet<string> = new Set(['messages.receive'])

/**
 * Creates a client. Calls made before the connection is open wait for it. Throws TonyError
 * INVALID_INPUT for an unknown option, and if `url` is not an http or https URL, or has a query or
 * a fragment.
 *
 * @example
 * ```ts
 * const client = createClient({ url: 'http://127.0.0.1:3456' })
 * const { id } = await client.tasks.create({ type: 'code', title: 'say hello' })
 * console.log((await client.tasks.get({ taskId: id })).status) // 'pending'
 * client.close()
 * ```
 */
export function createClient(options: ClientOptions = {}): Client {
  requireKnownOptions('createClient', options, clientOptionNames)
  return createUncheckedClient(options)
}

/** Creates a client without a check of the options' names. */
export function createUncheckedClient(options: ClientOptions): Client {
  const { url = 'http://127.0.0.1:3456', deadlineMs = 30_000, onCall } = options
  const [transport, connection] = openConnections(options, url, deadlineMs)
  let op = 0
  const call = async ({ path, kind, repeat, waits }: CallableProcedure, given: unknown, settings: CallOptions) => {
    const input = repeat === 'keyed' ? withIdempotencyKey(given ?? {}) : (given ?? {})
    const made = { path, kind, input, repeat: retriedMutations.has(path) ? 'safe' : repeat } as const
    const options = { ...deadlineOptionsOf(deadlineMs, input, waits), ...settings }
    if (!onCall) return transport.call(made, options)
    op += 1
    return makeRecordedCall(onCall, op, path, input, () => transport.call(made, options))
  }
  const client: Record<string, unknown> = { connection, close: () => transport.close() }
  const table: Readonly<Record<string, Procedure>> = procedures
  for (const [path, { kind, ...procedure }] of Object.entries(table)) {
    const names = path.split('.')
    const verb = names.pop() ?? ''
    let verbs = client
    for (const name of names) {
      const known = verbs[name]
      const below = isRecord(known) ? known : {}
      verbs[name] = below
      verbs = below
    }
    verbs[verb] =
      kind === 'subscription'
        ? (input: unknown, settings?: SubscribeOptions) => transport.subscribe(path, input ?? {}, settings?.signal)
        : (input: unknown, settings: CallOptions = {}) => call({ path, kind, ...procedure }, input, settings)
  }
  // The generated table of procedures and the type `Api` come from the same router.
  return client as unknown as Client
}

async function makeRecordedCall(
  onCall: (record: CallRecord) => void,
  op: number,
  path: string,
  input: unknown,
  run: () => Promise<unknown>,
): Promise<unknown> {
  onCall({ type: 'invoke', op, path, input })
  try {
    const output = await run()
    onCall({ type: 'ok', op, path, output })
    return output
  } catch (error) {
    onCall({ type: error instanceof TonyError && error.applied === 'no' ? 'fail' : 'info', op, path, error })
    throw error
  }
}
