import { useServerTime } from '../data/use-feed.ts'
import { formatDuration } from './format.ts'

/** The time since a moment, as of now. The exact time is its tooltip. */
export function Age({ at }: { readonly at: string }) {
  const now = useServerTime()
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {formatDuration(Math.max(0, now - Date.parse(at)))}
    </time>
  )
}

/** The time until a moment; `passed` once it is over. */
export function TimeLeft({ until }: { readonly until: string }) {
  const left = Date.parse(until) - useServerTime()
  return (
    <time dateTime={until} title={new Date(until).toLocaleString()} className={left < 0 ? 'late' : undefined}>
      {left < 0 ? 'passed' : formatDuration(left)}
    </time>
  )
}
