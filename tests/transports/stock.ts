import type { AppRouter } from '@tony/mcp-server/api/router'
import {
  createTRPCClient,
  createWSClient,
  type TRPCClient,
  TRPCClientError,
  type WebSocketClientOptions,
  wsLink,
} from '@trpc/client'
import { socketUrl } from './wire.ts'

export type StockClient = TRPCClient<AppRouter>

/** tRPC's own client over WebSocket, as its documentation sets it up; reconnects without delay. */
export function stockClient(
  url: string,
  options: Partial<WebSocketClientOptions> = {},
): AsyncDisposable & { readonly api: StockClient } {
  const client = createWSClient({ url: socketUrl(url), retryDelayMs: () => 5, ...options })
  const api = createTRPCClient<AppRouter>({ links: [wsLink<AppRouter>({ client })] })
  return { api, [Symbol.asyncDispose]: () => client.close() }
}

/** What the router says of an error, to tRPC's own client. */
export async function refusedBy(call: Promise<unknown>): Promise<TRPCClientError<AppRouter>> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof TRPCClientError) return outcome
  throw new Error(`expected a refusal, got ${String(outcome)}`)
}

export interface Seen {
  readonly id: string
  readonly data: { readonly seq: number; readonly type: string; readonly subject: string | null }
}

/** A subscription to the feed, and what it has shown. */
export class Follower {
  readonly seen: Seen[] = []
  readonly started: Promise<void>
  error: unknown
  #wake: () => void = () => undefined
  readonly #subscription: { unsubscribe(): void }

  constructor(client: StockClient, input: { cursor?: string } = {}) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.started = promise
    this.#subscription = client.events.subscribe.subscribe(input, {
      onStarted: () => resolve(),
      onData: (event) => {
        this.seen.push(event as unknown as Seen)
        this.#wake()
      },
      onError: (error) => {
        this.error = error
        this.#wake()
      },
    })
  }

  /** Events, without the checkpoint it begins with. */
  get events(): Seen[] {
    return this.seen.filter(({ data }) => data.type !== 'checkpoint')
  }

  /** Settles once so many events have been shown; throws when the subscription failed. */
  async reached(count: number): Promise<void> {
    while (this.events.length < count) {
      if (this.error) throw this.error
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Settles once the subscription has begun and knows its position. */
  async positioned(): Promise<void> {
    while (this.seen.length === 0) {
      if (this.error) throw this.error
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  stop(): void {
    this.#subscription.unsubscribe()
  }
}
