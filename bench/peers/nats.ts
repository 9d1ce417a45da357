import { type Drivers, type FeedDriver, inParallel, type Sizes } from '../load/driver.ts'
import { importPackage } from './packages.ts'
import { eventLength } from './redis.ts'

interface Connection {
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: { string(): string }) => void },
  ): unknown
  publish(subject: string, text: string): void
  flush(): Promise<void>
  close(): Promise<void>
}

interface Nats {
  connect(options: { readonly servers: string; readonly pingInterval: number }): Promise<Connection>
}

/** NATS core, which keeps nothing. The publisher waits until the server has read each event. */
class NatsFeed implements FeedDriver {
  readonly #url: string
  #connections: Connection[] = []
  #publisher: Connection | undefined

  constructor(url: string) {
    this.#url = url
  }

  async open({ subscribers }: Sizes, onEvent: (text: string) => void): Promise<void> {
    const { connect } = await importPackage<Nats>('@nats-io/transport-node')
    const options = { servers: this.#url, pingInterval: 60_000 }
    this.#publisher = await connect(options)
    this.#connections = await inParallel(subscribers, async () => {
      const connection = await connect(options)
      connection.subscribe('feed', { callback: (_error, message) => onEvent(message.string()) })
      await connection.flush()
      return connection
    })
  }

  publish(text: string): Promise<unknown> | undefined {
    this.#publisher?.publish('feed', text.padEnd(eventLength))
    return this.#publisher?.flush()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#connections, this.#publisher].map((connection) => connection?.close()))
  }
}

export const drivers: Drivers = { feed: ({ url }) => new NatsFeed(url) }
