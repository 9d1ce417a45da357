import type { FeedEvent } from '@tony/mcp-client'
import type { Latency } from './figures.ts'
import type { Outcome } from './run.ts'

const ms = (value: number): string => (Number.isNaN(value) ? '–' : `${value.toFixed(1)} ms`)

const latency = ({ n, p50, p95, p99 }: Latency): string => `p50 ${ms(p50)}   p95 ${ms(p95)}   p99 ${ms(p99)}   (${n})`

/** Facts that a run with `--chaos` must show, and the event of each. */
const inChaos: readonly (readonly [string, FeedEvent['type']])[] = [
  ['a lock was taken in the middle of the work', 'task.locked'],
  ['a task was submitted for its verdict', 'task.submitted'],
  ['a result was sent back', 'task.rejected'],
  ['a worker asked', 'task.input_requested'],
  ['a worker was answered', 'task.input_provided'],
  ['a task failed for good', 'task.failed'],
  ['a failed task was given its attempts again', 'task.reopened'],
  ['a task was cancelled', 'task.cancelled'],
  ['a dead letter was redriven', 'message.redriven'],
  ['an agent subscribed to a topic', 'topic.subscribed'],
  ['something was paused', 'agent.paused'],
  ['something was resumed', 'agent.resumed'],
]

/** Returns the intended misbehaviour that did not happen. A run without it proves nothing. */
export function missing({ crashes, figures, tally, agents, chaos }: Outcome): string[] {
  const happened: [string, number][] = [
    ...(chaos ? inChaos : []).map(([what, type]): [string, number] => [what, tally.count(type)]),
    ['an agent crashed', crashes],
    ['a lease was outlived', figures.outlived],
    ['a stale lease was refused', figures.staleRefused],
    ['an attempt failed and was retried', tally.count('task.retried')],
    ['a message was nak’ed', figures.naks],
    ['a message became a dead letter', tally.count('message.dead')],
    ['a message was delivered', figures.delivery.n],
    ['more than one agent worked', agents - 1],
  ]
  return happened.filter(([, times]) => times === 0).map(([what]) => what)
}

const counts = (of: Readonly<Record<string, number>>): string =>
  Object.entries(of)
    .map(([what, n]) => `${n} ${what}`)
    .join(', ')

function chaosRow(tally: Outcome['tally']): [string, string] {
  const told: readonly FeedEvent['type'][] = [
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
  return ['chaos', told.map((type) => `${tally.count(type)} ${type}`).join(', ')]
}

const percent = (share: number): string => `${(share * 100).toFixed(4)} %`

function faultRows({ load, crashes, settledMs }: NonNullable<Outcome['faults']>): [string, string][] {
  const { calls, perSecond, inTime, late, failed, p50, p99, worst } = load
  return [
    ['load', `${calls} calls, ${perSecond} a second, p50 ${ms(p50)}   p99 ${ms(p99)}   worst ${ms(worst)}`],
    ['within 5 s', `${percent(inTime / calls)}; ${late} later, failed: ${counts(failed) || 'none'}`],
    ['database', `stopped ${crashes} times; every task had ended ${ms(settledMs)} after the last fault`],
  ]
}

/** Returns the broken promises of a run with `--faults`, in addition to the verdict. */
export function broken({ faults }: Outcome): string[] {
  if (!faults) return []
  const { load, settledMs } = faults
  return [
    ...(load.inTime / load.calls < 0.9999 ? ['fewer than 99.99 % of the calls succeeded within 5 s'] : []),
    ...(settledMs > 60_000 ? ['a task was open 60 s after the last fault'] : []),
  ]
}

export function table(outcome: Outcome): string {
  const { tally, figures, planned, report } = outcome
  const rows: [string, string][] = [
    ['records', counts(outcome.kinds)],
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
    ['stale leases', `${figures.staleRefused} refused, ${figures.outlived} leases outlived`],
    ['claim', latency(figures.claim)],
    ['delivery', `${latency(figures.delivery)}, ${figures.deliveriesToAbsent} more to agents that were away`],
    ['events', `${tally.last}, followed by ${report.counted['watchers'] ?? 0} watchers`],
    ['verdict', `${report.violations.length} violations; looked at ${counts(report.counted)}`],
  ]
  return rows.map(([name, value]) => `${name.padEnd(13)} ${value}`).join('\n')
}
