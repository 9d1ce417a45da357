/** A panel of the dashboard of Grafana: its title, its unit, and its queries by their legends. */
export interface Panel {
  readonly title: string
  readonly unit: string
  readonly queries: Readonly<Record<string, string>>
}

const quantile = (histogram: string): string =>
  `histogram_quantile(0.99, sum by (le) (rate(${histogram}_bucket[$__rate_interval])))`

/** Adds up a gauge of all projects. Each replica tells the same values from the database. */
const sumOfProjects = (label: string, gauge: string): string =>
  `sum by (${label}) (max by (project, ${label}) (${gauge}))`

export const panels: readonly Panel[] = [
  {
    title: 'Tasks by status',
    unit: 'short',
    queries: { '{{status}}': sumOfProjects('status', 'tony_tasks{status!~"completed|cancelled"}') },
  },
  {
    title: 'Pending by priority',
    unit: 'short',
    queries: { '{{priority}}': sumOfProjects('priority', 'tony_pending_tasks') },
  },
  {
    title: 'Oldest ready task',
    unit: 's',
    queries: { '{{priority}}': 'max by (priority) (tony_oldest_ready_seconds)' },
  },
  { title: 'Agents', unit: 'short', queries: { '{{status}}': sumOfProjects('status', 'tony_agents') } },
  {
    title: 'Events',
    unit: 'ops',
    queries: { '{{type}}': 'topk(10, sum by (type) (rate(tony_events_total[$__rate_interval])))' },
  },
  {
    title: 'Messages',
    unit: 'short',
    queries: { '{{state}}': sumOfProjects('state', 'tony_messages{state=~"pending|delivered|dead"}') },
  },
  {
    title: 'Calls by outcome',
    unit: 'ops',
    queries: { '{{code}}': 'sum by (code) (rate(tony_calls_total[$__rate_interval]))' },
  },
  {
    title: 'Refused calls',
    unit: 'ops',
    queries: { '{{lane}} {{code}}': 'sum by (lane, code) (rate(tony_calls_refused_total[$__rate_interval]))' },
  },
  {
    title: 'p99 times',
    unit: 's',
    queries: {
      call: quantile('tony_call_seconds'),
      batch: quantile('tony_batch_seconds'),
      commit: quantile('tony_commit_seconds'),
    },
  },
  { title: 'p99 wait of claims', unit: 's', queries: { wait: quantile('tony_claim_wait_seconds') } },
  { title: 'Lock wait', unit: 'percentunit', queries: { '{{project}}': 'max by (project) (tony_lock_wait_ratio)' } },
  { title: 'Write queue', unit: 's', queries: { '{{lane}}': 'max by (lane) (tony_write_queue_age_seconds)' } },
  {
    title: 'Event loop, p99',
    unit: 's',
    queries: { '{{instance}}': 'nodejs_eventloop_lag_p99_seconds' },
  },
  {
    title: 'Database and log',
    unit: 'bytes',
    queries: { database: 'max(tony_database_bytes)', 'write-ahead log': 'max(tony_wal_bytes)' },
  },
  { title: 'Slowest subscriber', unit: 'short', queries: { '{{instance}}': 'tony_feed_lag_events' } },
  { title: 'Sockets', unit: 'short', queries: { '{{instance}}': 'tony_sockets' } },
]
