import { fileURLToPath } from 'node:url'
import type { Target } from '../load/driver.ts'
import { hasPackage } from '../peers/packages.ts'
import type { RunningSystem } from './daemon.ts'
import { hasNats, startNats } from './nats.ts'
import { hasPostgres, startDistantPostgres, startPostgres } from './postgres.ts'
import { hasRabbit, startRabbit } from './rabbitmq.ts'
import { hasRedis, startRedis } from './redis.ts'
import { startTony, startTonyOnPostgres } from './tony.ts'

/** A system that the bench measures. */
export interface System {
  readonly name: string
  /** True for a system that is not this product. */
  readonly isPeer: boolean
  /** The module of its drivers, as a URL. */
  readonly driver: string
  readonly clientModule: Target['clientModule']
  isInstalled(): boolean
  start(): Promise<RunningSystem>
}

const moduleAt = (path: string): string => new URL(path, import.meta.url).href
const here = fileURLToPath(new URL('../..', import.meta.url))

const own = (name: string, checkout: string) => ({
  name,
  isPeer: false,
  driver: moduleAt('../load/tony.ts'),
  clientModule: new URL('client/dist/index.js', `file://${checkout}/`).href,
})

/** The server and the client of a checkout that is built. */
export const tonyAt = (name: string, checkout: string): System => ({
  ...own(name, checkout),
  isInstalled: () => true,
  start: () => startTony(checkout),
})

export const tonyOnPostgresAt = (name: string, checkout: string, delayMs: number): System => ({
  ...own(name, checkout),
  isInstalled: hasPostgres,
  start: () => startTonyOnPostgres(checkout, delayMs),
})

/** Milliseconds of a round trip to a database in another zone of the same region. */
export const distanceMs = 0.5

export const tony = tonyAt('Tony', here)
export const tonyOnPostgres = tonyOnPostgresAt('Tony on PostgreSQL', here, 0)
export const tonyOnDistantPostgres = tonyOnPostgresAt('Tony on PostgreSQL', here, distanceMs)

/** A peer with its server and the npm package of its client. */
const peer = (
  name: string,
  driver: string,
  packageName: string,
  hasServer: () => boolean,
  start: () => Promise<RunningSystem>,
): System => ({
  name,
  isPeer: true,
  driver: moduleAt(`../peers/${driver}.ts`),
  clientModule: '',
  isInstalled: () => hasPackage(packageName) && hasServer(),
  start,
})

/** The peers by the name that `--peers` takes. */
export const peers = {
  redis: peer('Redis, fsync always', 'redis', 'ioredis', hasRedis, startRedis),
  rabbitmq: peer('RabbitMQ quorum queue', 'rabbitmq', 'amqplib', hasRabbit, startRabbit),
  bullmq: peer('BullMQ, fsync always', 'bullmq', 'bullmq', hasRedis, startRedis),
  'graphile-worker': peer('graphile-worker', 'graphile-worker', 'graphile-worker', hasPostgres, startPostgres),
  'pg-boss': peer('pg-boss', 'pg-boss', 'pg-boss', hasPostgres, startPostgres),
  nats: peer('NATS core', 'nats', '@nats-io/transport-node', hasNats, startNats),
} as const

/** pg-boss with the same network as this product. `peers` has the one without. */
export const distantBoss: System = {
  ...peers['pg-boss'],
  start: () => startDistantPostgres(distanceMs),
}

export type PeerName = keyof typeof peers

export const peerNames = Object.keys(peers) as PeerName[]
