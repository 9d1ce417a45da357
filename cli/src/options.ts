import { duration } from '@tony/mcp-shared/durations'
import { InvalidArgumentError } from 'commander'

/** Returns the milliseconds of a duration such as `30s`, `15m` or `12h`. */
export function parseDuration(text: string): number {
  const parsed = duration.safeParse(text)
  if (!parsed.success) throw new InvalidArgumentError('a number and a unit, such as 30s, 15m or 12h')
  return parsed.data
}
