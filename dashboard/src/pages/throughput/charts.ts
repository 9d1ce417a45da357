import type { History } from './use-history.ts'

/** A line of a chart. */
interface ChartLine {
  readonly label: string
  readonly values: readonly (number | null)[]
}

/** A chart of the history, with the unit of its values. */
export interface ChartData {
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly lines: readonly ChartLine[]
}

/** Converts counts of steps to counts per minute. */
const perMinute = (values: readonly (number | null)[], stepMs: number): (number | null)[] =>
  values.map((value) => (value === null ? null : (value * 60_000) / stepMs))

const scale = (values: readonly (number | null)[], factor: number): (number | null)[] =>
  values.map((value) => (value === null ? null : value * factor))

/** Returns the charts of the queue: its depth, the age of its oldest tasks and the claims. */
const queueCharts = ({ pending, oldestReadyMs, tasks, claimWaitMs, claimWaitMaxMs }: History): ChartData[] => [
  {
    id: 'depth',
    title: 'Pending tasks by priority',
    unit: 'tasks',
    lines: Object.entries(pending).map(([label, values]) => ({ label, values })),
  },
  {
    id: 'oldest',
    title: 'Wait of the next task by priority',
    unit: 's',
    lines: Object.entries(oldestReadyMs).map(([label, values]) => ({ label, values: scale(values, 0.001) })),
  },
  {
    id: 'open',
    title: 'Tasks by status',
    unit: 'tasks',
    lines: [
      { label: 'in progress', values: tasks.in_progress },
      { label: 'blocked', values: tasks.blocked },
      { label: 'input required', values: tasks.input_required },
      { label: 'in review', values: tasks.in_review },
    ],
  },
  {
    id: 'claims',
    title: 'Wait of claimed tasks',
    unit: 's',
    lines: [
      { label: 'mean', values: scale(claimWaitMs, 0.001) },
      { label: 'longest', values: scale(claimWaitMaxMs, 0.001) },
    ],
  },
]

/** Returns the charts of what happened: tasks, messages, refusals and the share of failures. */
function rateCharts(history: History): ChartData[] {
  const { stepMs } = history
  const rate = (label: string, values: readonly (number | null)[]) => ({ label, values: perMinute(values, stepMs) })
  return [
    {
      id: 'tasks',
      title: 'Tasks per minute',
      unit: '/min',
      lines: [
        rate('created', history.created),
        rate('completed', history.completed),
        rate('failed', history.failed),
        rate('cancelled', history.cancelled),
      ],
    },
    { id: 'failures', title: 'Failed share of ended tasks', unit: '%', lines: [failureLine(history)] },
    {
      id: 'messages',
      title: 'Messages per minute',
      unit: '/min',
      lines: [
        rate('sent', history.messagesSent),
        rate('acked', history.messagesAcked),
        rate('returned', history.messagesReturned),
        rate('dead', history.messagesDead),
      ],
    },
    { id: 'refused', title: 'Refused calls per minute', unit: '/min', lines: [rate('refused', history.refused)] },
  ]
}

function failureLine({ failed, completed }: History): ChartLine {
  const values = failed.map((value, index) => {
    const ended = (value ?? 0) + (completed[index] ?? 0)
    return value === null || ended === 0 ? null : (100 * value) / ended
  })
  return { label: 'failed', values }
}

/** Returns the charts of the server itself. */
const serverCharts = ({ loopLagMs, databaseBytes, lockWaitShare, events, stepMs }: History): ChartData[] => [
  {
    id: 'events',
    title: 'Events per minute',
    unit: '/min',
    lines: [{ label: 'events', values: perMinute(events, stepMs) }],
  },
  {
    id: 'locks',
    title: 'Fleet time lost to locks',
    unit: '%',
    lines: [{ label: 'lost', values: scale(lockWaitShare, 100) }],
  },
  { id: 'lag', title: 'Delay of the event loop', unit: 'ms', lines: [{ label: 'longest', values: loopLagMs }] },
  {
    id: 'size',
    title: 'Size of the database',
    unit: 'MB',
    lines: [{ label: 'size', values: scale(databaseBytes, 1e-6) }],
  },
]

export const chartsOf = (history: History): readonly ChartData[] => [
  ...queueCharts(history),
  ...rateCharts(history),
  ...serverCharts(history),
]
