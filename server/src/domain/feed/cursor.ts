import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Reader } from '../../store/store.ts'
import { logRangeOf } from './log-range.ts'

export const cursorAt = (epoch: string, seq: number): string => `${epoch}.${seq}`

/** Throws CURSOR_EXPIRED, with the earliest cursor, when a log that begins with event `first` no longer holds what follows `seq`. */
export function requireRetained(epoch: string, seq: number, first: number): void {
  if (seq >= first - 1) return
  throw new CoordinationError(
    'CURSOR_EXPIRED',
    'the feed no longer holds what follows this cursor: go on from the earliest',
    { earliest: cursorAt(epoch, first - 1) },
  )
}

/**
 * The event number a cursor stands for. CURSOR_AHEAD when it is of another epoch or beyond the end, CURSOR_EXPIRED with the
 * earliest one when the log no longer reaches back to it: never a silent jump.
 */
export async function resolveCursor(reader: Reader, project: string, epoch: string, cursor: string): Promise<number> {
  const { first, last } = await logRangeOf(reader, project)
  if (cursor === 'start') return first - 1
  const [, cursorEpoch, digits] = /^([^.]+)\.(\d{1,15})$/.exec(cursor) ?? []
  if (cursorEpoch === undefined || digits === undefined) {
    throw new CoordinationError('INVALID_INPUT', 'cursor: not one this server gave')
  }
  const seq = Number(digits)
  if (cursorEpoch !== epoch || seq > last) {
    const why = cursorEpoch === epoch ? 'is beyond the end of the feed' : 'is of a store before a restore'
    throw new CoordinationError('CURSOR_AHEAD', `this cursor ${why}: read the state anew and follow from now`, {
      cursor: cursorAt(epoch, last),
    })
  }
  requireRetained(epoch, seq, first)
  return seq
}
