import { addressOf } from '../connection/address.ts'
import type { BreakerOptions } from '../connection/breaker.ts'
import type { ConnectionState, ConnectionTimeouts, StateChange } from '../connection/connection.ts'
import { Connections } from '../connection/connections.ts'
import type { RetryBudget } from '../connection/retry-budget.ts'
import type { SessionTokens } from '../connection/tokens.ts'
import { type Api, procedures } from '../generated/api.ts'
import type { RetrySafety } from './caller.ts'
import type { CallOptions, SubscribeOptions } from './calls.ts'
import { type QueueLimit, TonyError } from './errors.ts'

/** What became of a call, for whoever records them. `op` numbers the calls of one client. */
export type CallRecord =
  | { readonly type: 'invoke'; readonly op: number; readonly path: string; readonly input: unknown }
  | { readonly type: 'ok'; readonly op: number; readonly path: string; readonly output: unknown }
  /** `fail`: nothing changed on the server. `info`: it may have. */
  | { readonly type: 'fail' | 'info'; readonly op: number; readonly path: string; readonly error: unknown }

export interface ClientOptions {
  /** Default `http://127.0.0.1:3456`. */
  readonly url?: string
  /** An agent's token, or an API key. Without one the server must be in dev mode on this machine. */
  readonly token?: string
  /** What a registration gave: its token is exchanged for the next one in time, on the same connection. Instead of `token`. */
  readonly session?: SessionTokens
  /** Name of the project; only without a token, which carries its own. Default `default`. */
  readonly project?: string
  /** How long a call may take in all, in milliseconds. Default 30 000. */
  readonly deadlineMs?: number
  /** How calls travel. `socket`: over one WebSocket. `http`: each as a request, where sockets are blocked. Default `socket`. */
  readonly calls?: 'socket' | 'http'
  /** How subscriptions travel. `sse`: as server-sent events, where sockets are blocked. Default `socket`. */
  readonly subscriptions?: 'socket' | 'sse'
  /** How much may wait while there is no connection; what is beyond that is refused with OFFLINE_QUEUE_FULL. */
  readonly offlineQueue?: Partial<QueueLimit>
  /** How often calls may be sent again that the server could not take. Those beyond wait for their turn. */
  readonly retries?: Partial<RetryBudget>
  /** When a server that fails again and again is left alone. */
  readonly breaker?: Partial<BreakerOptions>
  /** When a connection is taken for dead. */
  readonly timeouts?: Partial<ConnectionTimeouts>
  /** Told of each change of the connection. */
  readonly onState?: (state: ConnectionState, change: StateChange) => void
  /** Sees every call and what became of it. */
  readonly onCall?: (record: CallRecord) => void
}

/** What is known of the connection. */
export interface Connectivity {
  readonly state: ConnectionState
  /** Calls `listener` with each change from now on, until the returned function is called. */
  onChange(listener: (change: StateChange) => void): () => void
}

/** Every procedure of the server, over one connection that is opened again whenever it is lost. */
export interface Client extends Api {
  readonly connection: Connectivity
  /** Ends everything: calls in flight are rejected with CLIENT_CLOSED, subscriptions finish. */
  close(): void
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function withIdempotencyKey(input: unknown): unknown {
  if (!isRecord(input)) return input
  // One that is undefined is on no wire: the call would be repeated without a key.
  return input['idempotencyKey'] === undefined ? { ...input, idempotencyKey: crypto.randomUUID() } : input
}

interface Procedure {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly repeat: RetrySafety
  /** The field of its input that says how long it may wait on the server, where that is not `waitMs`. */
  readonly waits?: { readonly field: string; readonly byDefault: number }
}

type CallableProcedure = Procedure & { readonly path: string; readonly kind: 'query' | 'mutation' }

/** How long a call may take in all, where that is more than the client's deadline and its `waitMs`. */
function toCallOptions(deadlineMs: number, input: unknown, waits: Procedure['waits']): CallOptions {
  if (waits === undefined) return {}
  const given = isRecord(input) ? input[waits.field] : undefined
  return { deadlineMs: deadlineMs + (typeof given === 'number' ? given : waits.byDefault) }
}

const defaultTimeouts: ConnectionTimeouts = { pingMs: 20_000, pongMs: 10_000, connectMs: 10_000 }
const defaultOfflineQueue: QueueLimit = { calls: 1_000, bytes: 16_777_216 }
const defaultRetries: RetryBudget = { burst: 100, perSecond: 20 }
const defaultBreaker: BreakerOptions = { failures: 10, openMs: 1_000 }

/** A transport for these options, and what is known of its connection. */
function openConnections(options: ClientOptions, url: string, deadlineMs: number): [Connections, Connectivity] {
  const { token, session, project, calls = 'socket', subscriptions = 'socket', onState } = options
  const listeners = new Set<(change: StateChange) => void>()
  const transport = new Connections({
    url: addressOf(url),
    calls,
    subscriptions,
    deadlineMs,
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

/** What a lost answer to it costs, asking again would not make worse: what was handed out comes again in any case. */
const retriedAsSafe: ReadonlySet<string> = new Set(['messages.receive'])

/** Connects to a server. Calls made before the connection is open wait for it. Throws TonyError INVALID_INPUT for a `url` that is none. */
export function createClient(options: ClientOptions = {}): Client {
  const { url = 'http://127.0.0.1:3456', deadlineMs = 30_000, onCall } = options
  const [transport, connection] = openConnections(options, url, deadlineMs)
  let op = 0
  const call = async ({ path, kind, repeat, waits }: CallableProcedure, given: unknown, settings: CallOptions) => {
    const input = repeat === 'keyed' ? withIdempotencyKey(given ?? {}) : (given ?? {})
    const made = { path, kind, input, repeat: retriedAsSafe.has(path) ? 'safe' : repeat } as const
    const options = { ...toCallOptions(deadlineMs, input, waits), ...settings }
    if (!onCall) return transport.call(made, options)
    op += 1
    return recordCall(onCall, op, path, input, () => transport.call(made, options))
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
  // Built from the table that was generated beside the type.
  return client as unknown as Client
}

async function recordCall(
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
