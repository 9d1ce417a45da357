import { useHistory } from '../throughput/use-history.ts'

/** Returns the mean of the steps that have a value; undefined if none has. */
function meanOf(values: readonly (number | null)[]): number | undefined {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length
}

const formatShare = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`

/** The share of the fleet's time that was lost because only locked tasks were left. */
export function LockWaitShare() {
  const { data } = useHistory('1h')
  if (!data) return null
  const mean = meanOf(data.lockWaitShare)
  if (mean === undefined) return <p className="muted">The share of time lost to locks is known after a minute.</p>
  const last = data.lockWaitShare.findLast((value) => value !== null) ?? 0
  return (
    <p>
      Locks cost the fleet <b>{formatShare(mean)}</b> of its time in the last hour, and <b>{formatShare(last)}</b> now:
      the share of live agents that were idle while only locked tasks were left.
    </p>
  )
}
