import { useLiveState, useServerTime } from '../data/use-feed.ts'
import { useSession } from '../session/session.ts'
import { formatDuration } from '../ui/format.ts'

/** Tells if the page shows the present: live with its lag, or the past since a time. */
export function LiveDot() {
  const { kind, since, lagMs, reason } = useLiveState()
  const { clockAheadMs } = useSession()
  const now = useServerTime()
  const text =
    kind === 'live'
      ? `live${lagMs === null ? '' : ` · ${lagMs} ms`}`
      : `${kind} since ${formatDuration(Math.max(0, now - clockAheadMs - since))}`
  const title =
    kind === 'live'
      ? 'Changes arrive as they are committed. The number is the time from the last commit to this page.'
      : `The page shows the past${reason === undefined ? '' : `: ${reason}`}. ${kind === 'ended' ? 'Load it again to see the present.' : 'It reads again when the server answers.'}`
  return (
    <span className={`live ${kind}`} title={title} role={kind === 'live' ? undefined : 'status'}>
      <span className="dot" aria-hidden="true" />
      {text}
    </span>
  )
}
