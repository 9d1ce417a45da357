import type { systemMetricsOutput } from '@tony/mcp-shared/system'
import { Counter, collectDefaultMetrics, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client'
import type { z } from 'zod'
import { createCommitMetrics } from './commit-metrics.ts'

/** The state of a project that its gauges show. Without a `queue` it has no task and no agent. */
interface ProjectStats extends z.output<typeof systemMetricsOutput> {
  readonly queue?: QueueStats | undefined
}

interface QueueStats {
  readonly pending: Readonly<Record<string, number>>
  readonly oldestReadyMs: Readonly<Record<string, number>>
  readonly lockWaitShare: number
}

/** The values that a scrape reads from the store. */
export interface StoreStats {
  readonly databaseBytes: number
  readonly projects: ReadonlyMap<string, ProjectStats>
}

/** The writes that wait, by lane: the age of the oldest one, and their number. */
type WriteQueue = Readonly<Record<string, { readonly ageMs: number; readonly waiting: number }>>

/**
 * Gauges of prom-client whose names end in `_total`, the suffix of counters. They are removed. The
 * gauges without the suffix, such as `nodejs_active_handles`, have the same values by type.
 */
const misnamedGauges = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

/** The formats of the exposition by their content types. */
export const metricFormats = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openMetrics: Registry.OPENMETRICS_CONTENT_TYPE,
} as const

/** The product's metrics. Labels are bounded: a procedure's name or a code, never an id. */
export class Metrics {
  readonly registry = new Registry()
  readonly #calls = new Counter({
    name: 'tony_calls_total',
    help: 'Calls by procedure and outcome',
    labelNames: ['procedure', 'code'],
    registers: [this.registry],
  })
  readonly #refusedCalls = new Counter({
    name: 'tony_calls_refused_total',
    help: 'Calls refused for a limit, for overload or for a full disk, by lane; the lane of a read is read',
    labelNames: ['lane', 'code'],
    registers: [this.registry],
  })
  readonly #seconds = new Histogram({
    name: 'tony_call_seconds',
    help: 'Time from the guards to the reply, by procedure',
    labelNames: ['procedure'],
    // A blocking call waits up to 60 s, and its reply comes a little later.
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 15, 30, 65],
    registers: [this.registry],
  })
  readonly #sockets = new Gauge({
    name: 'tony_sockets',
    help: 'Open WebSocket connections',
    registers: [this.registry],
  })
  readonly #slowConsumers = new Counter({
    name: 'tony_slow_consumers_total',
    help: 'Sockets closed because their clients did not read',
    registers: [this.registry],
  })
  readonly #droppedLogLines = new Counter({
    name: 'tony_log_lines_dropped_total',
    help: 'Lines of the log that were dropped because its output did not take them',
    registers: [this.registry],
  })
  readonly #deletedRows = new Counter({
    name: 'tony_retention_removed_total',
    help: 'Rows deleted by retention, by class',
    labelNames: ['class'],
    registers: [this.registry],
  })

  readonly #webhookAttempts = new Counter({
    name: 'tony_webhook_attempts_total',
    help: 'Attempts of webhook deliveries by outcome: delivered, or an error',
    labelNames: ['outcome'],
    registers: [this.registry],
  })
  readonly #queueAge = new Gauge({
    name: 'tony_write_queue_age_seconds',
    help: 'Time that the oldest waiting write has waited, by lane; writes are refused with OVERLOADED beyond MCP_LIMIT_QUEUE_MS',
    labelNames: ['lane'],
    registers: [this.registry],
  })
  readonly #queueSize = new Gauge({
    name: 'tony_write_queue_operations',
    help: 'Writes that wait for the writer, by lane',
    labelNames: ['lane'],
    registers: [this.registry],
  })
  readonly #store = new Gauge({
    name: 'tony_store_answers',
    help: '1 if the store replied to this scrape; 0 if it did not and the project gauges hold their last values',
    registers: [this.registry],
  })
  readonly #tasks = this.#createProjectGauge('tony_tasks', 'Tasks by status', 'status')
  readonly #messages = this.#createProjectGauge(
    'tony_messages',
    'Messages by state: accepted = pending + delivered + acked + dead + expired + purged',
    'state',
  )
  readonly #agents = this.#createProjectGauge('tony_agents', 'Registered agents by status', 'status')
  readonly #events = this.#createProjectGauge('tony_events_seq', "Number of the feed's last event")
  readonly #unaccounted = this.#createProjectGauge(
    'tony_messages_unaccounted',
    'Accepted messages that are in no state, which is 0 unless the store is damaged',
  )
  readonly #pending = this.#createProjectGauge('tony_pending_tasks', 'Pending tasks by priority', 'priority')
  readonly #oldestReady = this.#createProjectGauge(
    'tony_oldest_ready_seconds',
    'Wait of the task that is claimed next of each priority',
    'priority',
  )
  readonly #lockWait = this.#createProjectGauge(
    'tony_lock_wait_ratio',
    'Share of the live agents that are idle while tasks wait for locks',
  )
  readonly #databaseBytes = new Gauge({
    name: 'tony_database_bytes',
    help: 'Size of the database without its write-ahead log',
    registers: [this.registry],
  })
  readonly #feedLag = new Gauge({
    name: 'tony_feed_lag_events',
    help: 'Events that the slowest subscriber of this process has not read',
    registers: [this.registry],
  })
  readonly commits = createCommitMetrics(this.registry)
  // To find a metric by its labels costs as much as the rest of a call's record. There are two
  // maps, because a joined key would be hashed for each call.
  readonly #callsByOutcome = new Map<string, Map<string, Counter.Internal>>()
  readonly #secondsByProcedure = new Map<string, Histogram.Internal<'procedure'>>()
  #readStoreStats: () => Promise<StoreStats> = () => Promise.resolve({ databaseBytes: 0, projects: new Map() })
  #readFeedLag: () => number = () => 0
  #setWalBytes: () => void = () => undefined
  #readWriteQueue: () => WriteQueue = () => ({})

  constructor() {
    collectDefaultMetrics({ register: this.registry })
    for (const name of misnamedGauges) this.registry.removeSingleMetric(name)
  }

  #createProjectGauge(name: string, help: string, ...labels: string[]): Gauge {
    return new Gauge({
      name,
      help: `${help}, by project`,
      labelNames: ['project', ...labels],
      registers: [this.registry],
    })
  }

  /** Sets the source of the project gauges. Each scrape reads it, so the values are never stale. */
  setStoreStatsSource(read: () => Promise<StoreStats>): void {
    this.#readStoreStats = read
  }

  /** Sets the source of the gauge of the slowest subscriber. Each scrape reads it. */
  setFeedLagSource(read: () => number): void {
    this.#readFeedLag = read
  }

  /** Sets the source of the gauges about the writes that wait. Each scrape reads it. */
  setWriteQueueSource(read: () => WriteQueue): void {
    this.#readWriteQueue = read
  }

  /** Adds a gauge of the write-ahead log's size. Each scrape reads it. */
  addWalGauge(read: () => number): void {
    const { registry } = this
    const wal = new Gauge({ name: 'tony_wal_bytes', help: 'Size of the write-ahead log', registers: [registry] })
    this.#setWalBytes = () => wal.set(read())
  }

  /**
   * Returns all metrics in the exposition format. It works while the store is unreachable, which is
   * when operators need it most.
   */
  async exposition(format: keyof typeof metricFormats = 'prometheus'): Promise<string> {
    const storeAnswers = await this.#readStoreStats().then(
      ({ databaseBytes, projects }) => {
        this.#databaseBytes.set(databaseBytes)
        for (const [project, stats] of projects) this.#setProject(project, stats)
        return true
      },
      () => false,
    )
    this.#store.set(storeAnswers ? 1 : 0)
    this.#setWalBytes()
    this.#feedLag.set(this.#readFeedLag())
    this.commits.update()
    for (const [lane, { ageMs, waiting }] of Object.entries(this.#readWriteQueue())) {
      this.#queueAge.set({ lane }, ageMs / 1_000)
      this.#queueSize.set({ lane }, waiting)
    }
    if (format === 'prometheus') return this.registry.metrics()
    // The type of a registry decides its format, so the same metrics are in a second one.
    const registry = new Registry<OpenMetricsContentType>()
    registry.setContentType(metricFormats.openMetrics)
    for (const { name } of this.registry.getMetricsAsArray()) {
      const metric = this.registry.getSingleMetric(name)
      if (metric) registry.registerMetric(metric)
    }
    return registry.metrics()
  }

  #setProject(project: string, { tasks, messages, agents, events, queue }: ProjectStats): void {
    for (const [status, count] of Object.entries(tasks.byStatus)) this.#tasks.set({ project, status }, count)
    for (const [state, count] of Object.entries(messages)) this.#messages.set({ project, state }, count)
    for (const [status, count] of Object.entries(agents.byStatus)) this.#agents.set({ project, status }, count)
    this.#events.set({ project }, events)
    const { accepted, ...states } = messages
    this.#unaccounted.set({ project }, accepted - Object.values(states).reduce((sum, count) => sum + count, 0))
    if (queue) this.#setQueue(project, queue)
  }

  #setQueue(project: string, { pending, oldestReadyMs, lockWaitShare }: QueueStats): void {
    for (const [priority, count] of Object.entries(pending)) this.#pending.set({ project, priority }, count)
    for (const [priority, ms] of Object.entries(oldestReadyMs)) this.#oldestReady.set({ project, priority }, ms / 1_000)
    this.#lockWait.set({ project }, lockWaitShare)
  }

  recordCall(procedure: string, code: string, elapsedMs: number): void {
    this.#counterOf(procedure, code).inc()
    const seconds = this.#secondsByProcedure.get(procedure) ?? this.#seconds.labels({ procedure })
    this.#secondsByProcedure.set(procedure, seconds)
    seconds.observe(elapsedMs / 1_000)
  }

  #counterOf(procedure: string, code: string): Counter.Internal {
    const known = this.#callsByOutcome.get(procedure)?.get(code)
    if (known) return known
    const counter = this.#calls.labels({ procedure, code })
    const counters = this.#callsByOutcome.get(procedure) ?? new Map<string, Counter.Internal>()
    this.#callsByOutcome.set(procedure, counters.set(code, counter))
    return counter
  }

  /** Counts calls that were refused before they reached the guards. */
  countRefusals(procedure: string, code: string, calls = 1): void {
    this.#counterOf(procedure, code).inc(calls)
  }

  /** Counts a call that was refused for a limit, for overload or for a full disk. */
  countLimitRefusal(lane: string, code: string): void {
    this.#refusedCalls.inc({ lane, code })
  }

  setOpenSockets(open: number): void {
    this.#sockets.set(open)
  }

  countSlowConsumer(): void {
    this.#slowConsumers.inc()
  }

  countDroppedLogLine(): void {
    this.#droppedLogLines.inc()
  }

  countWebhookAttempt(outcome: string): void {
    this.#webhookAttempts.inc({ outcome })
  }

  countDeletedRows(rowClass: string, rows: number): void {
    this.#deletedRows.inc({ class: rowClass }, rows)
  }
}
