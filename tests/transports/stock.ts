import type { AppRouter, FeedItem } from '@tony/mcp-server/api/router'
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

/**
 * Returns tRPC's own client over WebSocket, set up as in its documentation. It reconnects without a
 * delay.
 */
export function stockClient(
  url: string,
  options: Partial<WebSocketClientOptions> = {},
): AsyncDisposable & { readonly api: StockClient } {
  const client = createWSClient({ url: socketUrl(url), retryDelayMs: () => 5, ...options })
  const api = createTRPCClient<AppRouter>({ links: [wsLink<AppRouter>({ client })] })
  return { api, [Symbol.asyncDispose]: () => client.close() }
}

/** Returns the error of a refused call as tRPC's own client has it. */
export async function refusedBy(call: Promise<unknown>): Promise<TRPCClientError<AppRouter>> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof TRPCClientError) return outcome
  throw new Error(`expected a refusal, got ${String(outcome)}`)
}

/** A subscription to the feed, with the items it has received. */
export class Follower {
  readonly seen: FeedItem[] = []
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
        this.seen.push(event)
        this.#wake()
      },
      onError: (error) => {
        this.error = error
        this.#wake()
      },
    })
  }

  /** Returns the events without the checkpoint at the start. */
  get events(): FeedItem[] {
    return this.seen.filter(({ data }) => data.type !== 'checkpoint')
  }

  /** Resolves once `count` events were received; throws if the subscription failed. */
  async reached(count: number): Promise<void> {
    while (this.events.length < count) {
      if (this.error) throw this.error
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Resolves once the subscription has started and knows its position. */
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
