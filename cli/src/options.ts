import { duration } from '@tony/mcp-shared/durations'
import { InvalidArgumentError } from 'commander'

/** A duration such as `30s`, `15m` or `12h`, in milliseconds. */
export function parseDuration(text: string): number {
  const parsed = duration.safeParse(text)
  if (!parsed.success) throw new InvalidArgumentError('a number and a unit, such as 30s, 15m or 12h')
  return parsed.data
}
