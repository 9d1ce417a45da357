import type { FeedEvent } from '@tony/mcp-client'
import type { Outcome } from './run.ts'
import type { Latency } from './stats.ts'

const formatMs = (value: number): string => (Number.isNaN(value) ? '–' : `${value.toFixed(1)} ms`)

const formatLatency = ({ n, p50, p95, p99 }: Latency): string =>
  `p50 ${formatMs(p50)}   p95 ${formatMs(p95)}   p99 ${formatMs(p99)}   (${n})`

/** Facts that a run with `--chaos` must show, and the event of each. */
const chaosFacts: readonly (readonly [string, FeedEvent['type']])[] = [
  ['a worker took a lock during its work', 'task.locked'],
  ['a task was submitted for verification', 'task.submitted'],
  ['a result was rejected', 'task.rejected'],
  ['a worker requested input', 'task.input_requested'],
  ['an operator provided input', 'task.input_provided'],
  ['a task failed permanently', 'task.failed'],
  ['a failed task was reopened', 'task.reopened'],
  ['a task was cancelled', 'task.cancelled'],
  ['a dead letter was redriven', 'message.redriven'],
  ['an agent subscribed to a topic', 'topic.subscribed'],
  ['an agent was paused', 'agent.paused'],
  ['an agent was resumed', 'agent.resumed'],
]

/** Returns the intended misbehaviour that did not happen. A run without it proves nothing. */
export function missingFacts({ crashes, stats, tally, agents, chaos }: Outcome): string[] {
  const happened: [string, number][] = [
    ...(chaos ? chaosFacts : []).map(([fact, type]): [string, number] => [fact, tally.count(type)]),
    ['an agent crashed', crashes],
    ['a worker outlived its lease', stats.outlived],
    ['a stale lease was refused', stats.staleRefused],
    ['an attempt failed and was retried', tally.count('task.retried')],
    ['a message was nak’ed', stats.naks],
    ['a message became a dead letter', tally.count('message.dead')],
    ['a message was delivered', stats.delivery.n],
    ['more than one agent worked', agents - 1],
  ]
  return happened.filter(([, times]) => times === 0).map(([fact]) => fact)
}

const formatCounts = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, n]) => `${n} ${name}`)
    .join(', ')

function chaosRow(tally: Outcome['tally']): [string, string] {
  const types: readonly FeedEvent['type'][] = [
    'task.locked',
    'task.submitted',
    'task.rejected',
    'task.input_requested',
    'task.reopened',
    'task.cancelled',
    'task.orphaned',
    'task.adopted',
    'message.expired',
    'agent.paused',
    'agent.draining',
    'epic.paused',
    'project.paused',
  ]
  return ['chaos', types.map((type) => `${tally.count(type)} ${type}`).join(', ')]
}

const formatPercent = (share: number): string => `${(share * 100).toFixed(4)} %`

function faultRows({ load, crashes, settledMs }: NonNullable<Outcome['faults']>): [string, string][] {
  const { calls, perSecond, inTime, late, failed, p50, p99, worst } = load
  return [
    [
      'load',
      `${calls} calls, ${perSecond} a second, p50 ${formatMs(p50)}   p99 ${formatMs(p99)}   worst ${formatMs(worst)}`,
    ],
    ['within 5 s', `${formatPercent(inTime / calls)}; ${late} later, failed: ${formatCounts(failed) || 'none'}`],
    ['database', `stopped ${crashes} times; every task had ended ${formatMs(settledMs)} after the last fault`],
  ]
}

/** Returns the broken promises of a run with `--faults`, in addition to the verdict. */
export function brokenPromises({ faults }: Outcome): string[] {
  if (!faults) return []
  const { load, settledMs } = faults
  return [
    ...(load.inTime / load.calls < 0.9999 ? ['fewer than 99.99 % of the calls succeeded within 5 s'] : []),
    ...(settledMs > 60_000 ? ['a task was open 60 s after the last fault'] : []),
  ]
}

export function formatOutcome(outcome: Outcome): string {
  const { tally, stats, planned, report } = outcome
  const rows: [string, string][] = [
    ['records', formatCounts(outcome.kinds)],
    ['plan', `${planned.tasks} tasks, ${planned.dependencies} dependencies, ${planned.levels} levels`],
    ['run', `${outcome.agents} agents, ${outcome.seconds.toFixed(1)} s, seed ${outcome.seed}`],
    [
      'tasks',
      `${tally.count('task.completed')} completed, ${tally.count('task.failed')} failed, ${tally.count('task.claimed')} claims`,
    ],
    [
      'retries',
      `${tally.count('task.retried')} after a failure, ${tally.count('task.expired')} after an expiry, ${tally.count('task.released')} after a release`,
    ],
    [
      'messages',
      `${tally.count('message.sent')} sent, ${tally.count('message.acked')} acked, ${tally.count('message.nacked')} nak’ed, ${tally.count('message.returned')} redelivered`,
    ],
    ['dead letters', `${tally.count('message.dead')}, ${tally.count('message.redriven')} redriven`],
    ...(outcome.chaos ? [chaosRow(tally)] : []),
    ...(outcome.faults ? faultRows(outcome.faults) : []),
    ['crashes', `${outcome.crashes} of agents, ${outcome.kills} of the server`],
    ['stale leases', `${stats.staleRefused} refused, ${stats.outlived} leases outlived`],
    ['claim', formatLatency(stats.claim)],
    ['delivery', `${formatLatency(stats.delivery)}, ${stats.deliveriesToAbsent} more to absent agents`],
    ['events', `${tally.lastSeq}, followed by ${report.counted['watchers'] ?? 0} watchers`],
    ['verdict', `${report.violations.length} violations; checked ${formatCounts(report.counted)}`],
  ]
  return rows.map(([name, value]) => `${name.padEnd(13)} ${value}`).join('\n')
}
