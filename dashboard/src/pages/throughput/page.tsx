import { useNavigate, useSearch } from '@tanstack/react-router'
import { Button } from '../../ui/button.tsx'
import { Group } from '../../ui/group.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { Chart } from './chart.tsx'
import { chartsOf } from './charts.ts'
import { historyRanges } from './search.ts'
import { type History, useHistory } from './use-history.ts'

/** Depth, ages, rates and failures over an hour, a day or a week. */
export function ThroughputPage() {
  const { range = '1h' } = useSearch({ from: '/throughput' })
  const navigate = useNavigate()
  const query = useHistory(range)
  return (
    <section className="page wide">
      <h1>Throughput</h1>
      <Group label="Ranges" className="filters">
        {historyRanges.map((one) => (
          <Button
            key={one}
            aria-pressed={one === range}
            onClick={() => void navigate({ to: '/throughput', search: { range: one } })}
          >
            {one}
          </Button>
        ))}
      </Group>
      <QueryState query={query} what="the history">
        {(history) => <Charts history={history} />}
      </QueryState>
    </section>
  )
}

function Charts({ history }: { readonly history: History }) {
  const from = Date.parse(history.from) / 1_000
  const times = history.created.map((_, step) => from + (step * history.stepMs) / 1_000)
  return (
    <div className="charts">
      {chartsOf(history).map((chart) => (
        <Chart key={chart.id} chart={chart} times={times} />
      ))}
    </div>
  )
}
