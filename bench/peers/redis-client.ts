import { importPackage } from './packages.ts'

/** An entry of a stream: its id, and its fields and values in turn. */
type Entry = readonly [id: string, fields: readonly string[]]

/** Entries by stream; null if there are none. */
export type Read = readonly (readonly [stream: string, entries: readonly Entry[]])[] | null

interface Pipeline {
  xadd(...args: readonly (string | number)[]): Pipeline
  xack(...args: readonly string[]): Pipeline
  xreadgroup(...args: readonly (string | number)[]): Pipeline
  exec(): Promise<readonly (readonly [Error | null, unknown])[]>
}

/** The part of an `ioredis` connection that the bench uses. */
export interface Redis {
  xadd(...args: readonly (string | number)[]): Promise<string>
  xack(...args: readonly string[]): Promise<number>
  xgroup(...args: readonly string[]): Promise<unknown>
  xreadgroup(...args: readonly (string | number)[]): Promise<Read>
  publish(channel: string, text: string): Promise<number>
  subscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, text: string) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  pipeline(): Pipeline
  ping(): Promise<unknown>
  disconnect(): void
}

interface RedisOptions {
  readonly port: number
  readonly host: string
  readonly maxRetriesPerRequest: null
}

interface IoRedis {
  readonly Redis: new (options: RedisOptions) => Redis
}

export const redisOptions = (url: string): RedisOptions => ({
  port: Number(new URL(url).port),
  host: '127.0.0.1',
  maxRetriesPerRequest: null,
})

/** Opens a connection. An error after its end is no failure of the run. */
export async function connectRedis(url: string): Promise<Redis> {
  const { Redis } = await importPackage<IoRedis>('ioredis')
  const redis = new Redis(redisOptions(url))
  redis.on('error', () => undefined)
  await redis.ping()
  return redis
}

export const entriesOf = (read: Read): readonly Entry[] => read?.[0]?.[1] ?? []
