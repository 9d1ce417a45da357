import { toSingleLine } from '@tony/mcp-shared/untrusted-text'
import { now } from '../timer.ts'

/** The value of a table cell. */
export type Cell = string | number | boolean | null | undefined

/**
 * Returns a cell on one line. Texts of agents lose their control characters, with which they could
 * change the terminal.
 */
export const formatCell = (cell: Cell): string =>
  cell === null || cell === undefined || cell === '' ? '-' : toSingleLine(String(cell))

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const

/** Returns a duration in its largest unit, such as `3m`. */
export function formatMs(ms: number): string {
  const unit = units.find(([, size]) => ms >= size)
  return unit ? `${Math.floor(ms / unit[1])}${unit[0]}` : `${Math.max(0, Math.floor(ms / 1_000))}s`
}

/** Returns how long ago a time of the server was. */
export const formatAge = (at: string | null): string | null => (at === null ? null : formatMs(now() - Date.parse(at)))
