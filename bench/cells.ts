import type { Sizes } from './load/driver.ts'
import type { WorkloadName } from './load/generator.ts'
import {
  distantBoss,
  type PeerName,
  peers,
  type System,
  tony,
  tonyOnDistantPostgres,
  tonyOnPostgres,
} from './systems/systems.ts'

/** One system in a comparison. */
interface Entry {
  readonly system: System
  readonly workload: WorkloadName
  /** The form of the work if it is not the plain one. */
  readonly form: string
  /** Number of operations. A slow system has fewer. */
  readonly n: number
}

/** The systems that do the same work. This product is the first one. */
export interface Work {
  readonly name: string
  readonly entries: readonly Entry[]
}

/** A work that only this product has, with a number of agents and of milliseconds. */
export interface OwnWork {
  readonly name: string
  readonly workload: 'latency' | 'idle'
  readonly agents: number
  readonly forMs: number
}

export const sizes: Sizes = {
  senders: 10,
  inFlight: 64,
  inboxes: 100,
  workers: 20,
  batch: 32,
  subscribers: 500,
  publishing: 16,
  agents: 0,
}

/** Sizes that show that everything works, and no more. */
export const smokeSizes: Sizes = { ...sizes, senders: 2, inFlight: 4, inboxes: 5, workers: 3, subscribers: 10 }

const entry = (system: System, workload: WorkloadName, n: number, form = ''): Entry => ({ system, workload, form, n })
const peer = (name: PeerName, workload: WorkloadName, n: number, form = '') => entry(peers[name], workload, n, form)

/** Returns the works with a share of their operations. */
export function worksOf(share: number): readonly Work[] {
  const many = Math.max(100, Math.round(20_000 * share))
  const some = Math.max(50, Math.round(6_000 * share))
  const few = Math.max(50, Math.round(2_000 * share))
  const deliveries = Math.max(1_000, 500 * Math.round(1_000 * share))
  return [
    {
      name: 'W1 messages',
      entries: [
        entry(tony, 'messages', many),
        peer('redis', 'messages', many, 'streams'),
        peer('rabbitmq', 'messages', many),
        peer('bullmq', 'messages', many),
      ],
    },
    {
      name: 'W2 tasks one at a time',
      entries: [
        entry(tony, 'fused', many, '`tasks.next`'),
        entry(tony, 'single', many, 'claim, then complete'),
        peer('redis', 'fused', many, 'ack and read in one pipeline'),
        peer('rabbitmq', 'single', many, 'prefetch 1'),
        peer('bullmq', 'single', many),
        peer('graphile-worker', 'single', some),
      ],
    },
    {
      name: 'W2 tasks batched',
      entries: [
        entry(tony, 'batched', many, '32 a claim'),
        peer('redis', 'batched', many, '32 a read'),
        peer('rabbitmq', 'batched', many, 'prefetch 32'),
        peer('bullmq', 'batched', many, 'concurrency 32'),
        peer('graphile-worker', 'batched', many, 'local queue, batched completion'),
      ],
    },
    {
      name: 'W3 feed deliveries',
      entries: [
        entry(tony, 'feed', deliveries),
        peer('redis', 'feed', deliveries, 'pub/sub'),
        peer('nats', 'feed', deliveries),
      ],
    },
    {
      name: 'PostgreSQL W1 messages',
      entries: [entry(tonyOnPostgres, 'messages', few), peer('pg-boss', 'messages', few, 'a queue an inbox, notified')],
    },
    {
      name: 'PostgreSQL 0.5 ms W1 messages',
      entries: [
        entry(tonyOnDistantPostgres, 'messages', few),
        entry(distantBoss, 'messages', few, 'a queue an inbox, notified'),
      ],
    },
    {
      name: 'PostgreSQL W2 one at a time',
      entries: [entry(tonyOnPostgres, 'fused', few, '`tasks.next`'), peer('pg-boss', 'single', few)],
    },
    {
      name: 'PostgreSQL 0.5 ms W2 one at a time',
      entries: [entry(tonyOnDistantPostgres, 'fused', few, '`tasks.next`'), entry(distantBoss, 'single', few)],
    },
    {
      name: 'PostgreSQL W2 batched',
      entries: [entry(tonyOnPostgres, 'batched', few, '32 a claim'), peer('pg-boss', 'batched', few, '32 a fetch')],
    },
  ]
}

/** Returns the works of this product alone. */
export const ownWorksOf = (share: number): readonly OwnWork[] => {
  const forMs = Math.round(8_000 * Math.min(1, share))
  const named = (workload: OwnWork['workload'], agents: number, ms: number): OwnWork => ({
    name: `${workload} at ${agents} agents`,
    workload,
    agents,
    forMs: ms,
  })
  return [
    ...[100, 500, 1_000].map((agents) => named('latency', agents, forMs)),
    ...[1_000, 10_000].map((agents) => named('idle', agents, forMs)),
  ]
}

/** The same works with few agents and for a second. */
export const smokeOwnWorks: readonly OwnWork[] = (['latency', 'idle'] as const).map((workload) => ({
  name: `${workload} at 10 agents`,
  workload,
  agents: 10,
  forMs: 1_000,
}))
