import { Counter, Histogram, type Registry } from 'prom-client'

/** The parts of a commit that the metrics count. */
interface MeasuredCommit {
  readonly events: readonly { readonly event: { readonly type: string; readonly waitMs?: number | undefined } }[]
  readonly operations: number
  readonly times: { readonly batchMs: number; readonly commitMs: number }
}

/** Counts commits, and sets the counters at a scrape. */
export interface CommitMetrics {
  record(commit: MeasuredCommit): void
  update(): void
}

/** The upper ends of the buckets for batches and commits, in seconds. */
const batchBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

/** Creates the metrics of commits: their batches, their events and their claims. */
export function createCommitMetrics(registry: Registry): CommitMetrics {
  const registers = [registry]
  const operations = new Histogram({
    name: 'tony_batch_operations',
    help: 'Operations in one group commit',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  })
  const batch = new Histogram({
    name: 'tony_batch_seconds',
    help: 'Time of one group commit, from its begin to the end of its commit',
    buckets: batchBuckets,
    registers,
  })
  const commit = new Histogram({
    name: 'tony_commit_seconds',
    help: 'Time of the commit alone, which is mostly the sync of the disk',
    buckets: batchBuckets,
    registers,
  })
  const claimWait = new Histogram({
    name: 'tony_claim_wait_seconds',
    help: 'Time from ready to claimed, of each claimed task',
    buckets: [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400],
    registers,
  })
  const events = new Counter({
    name: 'tony_events_total',
    help: 'Events that this process has committed, by type',
    labelNames: ['type'],
    registers,
  })
  // An increment of a counter costs ten times that of a number, and a message has two events.
  const countByType = new Map<string, number>()
  return {
    record: (one) => {
      operations.observe(one.operations)
      batch.observe(one.times.batchMs / 1_000)
      commit.observe(one.times.commitMs / 1_000)
      for (const { event } of one.events) {
        countByType.set(event.type, (countByType.get(event.type) ?? 0) + 1)
        if (event.waitMs !== undefined) claimWait.observe(event.waitMs / 1_000)
      }
    },
    update: () => {
      for (const [type, count] of countByType) events.inc({ type }, count)
      countByType.clear()
    },
  }
}
