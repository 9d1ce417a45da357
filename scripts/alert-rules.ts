/** A rule of Prometheus, with its meaning and the action of a person. */
export interface AlertRule {
  readonly name: string
  readonly severity: 'page' | 'ticket'
  /**
   * The condition, in PromQL. Each replica tells the gauges of the projects from the database, so a
   * condition takes their greatest value. A counter has no series before its first event.
   */
  readonly expr: string
  /** Time for which the condition must hold. It keeps a short peak from firing. */
  readonly holds: string
  readonly summary: string
  /** The action of the person who gets the alert. */
  readonly action: string
  /** Series of `promtool test rules` under which it fires within ten minutes. */
  readonly firing: Readonly<Record<string, string>>
}

/** The alerts. A threshold is a number in `expr`: copy the file and change it there. */
export const alertRules: readonly AlertRule[] = [
  {
    name: 'TonyAgentLost',
    severity: 'ticket',
    expr: 'max by (project) (tony_agents{status="offline"}) > 0',
    holds: '1m',
    summary: '{{ $value }} agents of {{ $labels.project }} are offline',
    action: 'Find them with `agents.list`. Their tasks return to the queue by themselves; start the agents again.',
    firing: { 'tony_agents{project="default",status="offline"}': '1x20' },
  },
  {
    name: 'TonyDeadLetters',
    severity: 'ticket',
    expr: 'max by (project) (tony_messages{state="dead"}) > 0',
    holds: '1m',
    summary: '{{ $value }} messages of {{ $labels.project }} are dead letters',
    action: 'Read the reasons with `messages.deadLetters.list`, mend the receiver, then redrive or purge them.',
    firing: { 'tony_messages{project="default",state="dead"}': '2x20' },
  },
  {
    name: 'TonyQueueAge',
    severity: 'ticket',
    expr: 'max by (project, priority) (tony_oldest_ready_seconds{priority!="low"}) > 300',
    holds: '1m',
    summary: 'A task of {{ $labels.project }} with priority {{ $labels.priority }} waits for {{ $value }} s',
    action: 'Ask `tasks.explain` why it does not run: mostly an agent with its capabilities is missing.',
    firing: { 'tony_oldest_ready_seconds{project="default",priority="high"}': '400x20' },
  },
  {
    name: 'TonyErrors',
    severity: 'page',
    expr: 'sum(rate(tony_calls_total{code=~"INTERNAL|STORE_UNAVAILABLE|DEADLINE_EXCEEDED"}[5m])) / sum(rate(tony_calls_total[5m])) > 0.01',
    holds: '2m',
    summary: '{{ $value | humanizePercentage }} of the calls fail',
    action: 'Read the errors in the log by their request ids, and run `tony-mcp doctor`.',
    firing: {
      'tony_calls_total{procedure="tasks.claim",code="INTERNAL"}': '0+10x20',
      'tony_calls_total{procedure="tasks.claim",code="OK"}': '0+100x20',
    },
  },
  {
    name: 'TonyDiskFull',
    severity: 'page',
    expr: 'sum(increase(tony_calls_refused_total{code="STORAGE_FULL"}[5m])) > 0',
    holds: '0s',
    summary: 'Writes are refused because the disk is full',
    action: 'Free some disk space; backups are the quickest to move. The server then goes on by itself.',
    firing: { 'tony_calls_refused_total{lane="normal",code="STORAGE_FULL"}': '0+5x20' },
  },
  {
    name: 'TonyRefusedCalls',
    severity: 'ticket',
    expr: 'sum by (lane, code) (rate(tony_calls_refused_total{code!="STORAGE_FULL"}[5m])) > 1',
    holds: '2m',
    summary: '{{ $value }} calls a second are refused with {{ $labels.code }} in the lane {{ $labels.lane }}',
    action: 'One caller with a backlog is refused alone: spread its writes. If all are, add replicas or a faster disk.',
    firing: { 'tony_calls_refused_total{lane="bulk",code="OVERLOADED"}': '0+600x20' },
  },
  {
    name: 'TonyReplicaDown',
    severity: 'page',
    expr: 'up{job="tony"} == 0',
    holds: '30s',
    summary: 'The server {{ $labels.instance }} does not answer',
    action: 'Look at its process and its log. Agents move to another replica, or wait and resume.',
    firing: { 'up{job="tony",instance="a:3456"}': '0x20' },
  },
  {
    name: 'TonyStoreUnreachable',
    severity: 'page',
    expr: 'tony_store_answers == 0',
    holds: '1m',
    summary: 'The database of {{ $labels.instance }} does not answer',
    action: 'Look at the database and at the way to it. Calls that change something fail until it answers.',
    firing: { 'tony_store_answers{instance="a:3456"}': '0x20' },
  },
  {
    name: 'TonySubscriberLag',
    severity: 'ticket',
    expr: 'tony_feed_lag_events > 10000',
    holds: '1m',
    summary: 'A subscriber of {{ $labels.instance }} is {{ $value }} events behind the feed',
    action: 'Find the slow reader among the sockets. It loses nothing, but its data is old.',
    firing: { 'tony_feed_lag_events{instance="a:3456"}': '20000x20' },
  },
  {
    name: 'TonyNoProgress',
    severity: 'page',
    expr: 'max(tony_oldest_ready_seconds) > 300 unless sum(increase(tony_events_total{type=~"task.claimed|task.progressed|task.completed"}[5m])) > 0',
    holds: '1m',
    summary: 'A task is ready for {{ $value }} s, and none was claimed, worked on or completed for five minutes',
    action: 'Look if the agents are live, paused or draining, and ask `tasks.explain` about the first task.',
    firing: {
      'tony_oldest_ready_seconds{project="default",priority="normal"}': '60+60x20',
      'tony_events_total{type="task.claimed"}': '7x20',
    },
  },
  {
    name: 'TonyLockWait',
    severity: 'ticket',
    expr: 'max by (project) (tony_lock_wait_ratio) > 0.25',
    holds: '2m',
    summary: '{{ $value | humanizePercentage }} of the agents of {{ $labels.project }} wait for locks',
    action: 'Find the lock and its holder with `locks.list`. Make the lock narrower, or end the task that holds it.',
    firing: { 'tony_lock_wait_ratio{project="default"}': '0.5x20' },
  },
  {
    name: 'TonyEventLoopLag',
    severity: 'ticket',
    expr: 'nodejs_eventloop_lag_p99_seconds > 0.25',
    holds: '2m',
    summary: 'The event loop of {{ $labels.instance }} is {{ $value }} s late',
    action: 'The machine is too slow for its load: look at its CPU, and at large lists and bulk calls.',
    firing: { 'nodejs_eventloop_lag_p99_seconds{instance="a:3456"}': '0.5x20' },
  },
  {
    name: 'TonyMessagesUnaccounted',
    severity: 'page',
    expr: 'max by (project) (tony_messages_unaccounted) != 0',
    holds: '0s',
    summary: '{{ $value }} accepted messages of {{ $labels.project }} are in no state',
    action:
      'The store is damaged. Stop the server, keep the files, and check the newest backup with `tony-mcp verify`.',
    firing: { 'tony_messages_unaccounted{project="default"}': '1x20' },
  },
]
