import type { Services } from './domain/context.ts'
import { readStoreStats } from './operations/system/metrics.ts'
import type { Log } from './platform/log.ts'
import type { Metrics } from './platform/metrics.ts'

/** The outputs that the services report to. */
export interface Reports {
  readonly metrics: Metrics
  readonly log: Log
}

function connectMetrics(metrics: Metrics, services: Services): void {
  const { store } = services
  metrics.setStoreStatsSource(() => readStoreStats(services))
  metrics.setFeedLagSource(() => services.feeds.lagEvents)
  metrics.setWriteQueueSource(() => store.queueState)
  if (store.walBytes) metrics.addWalGauge(store.walBytes)
}

function logDiskSpace({ store }: Services, log: Log): void {
  store.diskSpace?.onChange((full) => {
    if (full) log.error('the disk is full: writes are refused with STORAGE_FULL')
    else log.warn('the disk has space again: writes are accepted')
  })
}

/** Connects the services to the metrics, the log and the history. */
export function connectReports(services: Services, { metrics, log }: Reports): void {
  connectMetrics(metrics, services)
  services.store.onCommit((commit) => {
    services.history.activity.countCommit(commit)
    metrics.commits.record(commit)
  })
  services.history.loopLag.start()
  logDiskSpace(services, log)
}
