import { CoordinationError } from '@tony/mcp-shared/errors'
import type { Reader } from '../../store/store.ts'
import { logRangeOf } from './log-range.ts'

export const cursorAt = (epoch: string, seq: number): string => `${epoch}.${seq}`

/**
 * Throws CURSOR_EXPIRED, with the earliest cursor, if a log that begins with event `first` no
 * longer holds the event after `seq`.
 */
export function requireUnexpiredCursor(epoch: string, seq: number, first: number): void {
  if (seq >= first - 1) return
  throw new CoordinationError(
    'CURSOR_EXPIRED',
    'the events after this cursor were deleted: read the current state, then continue from details.earliest',
    { earliest: cursorAt(epoch, first - 1) },
  )
}

/**
 * Returns the event number of a cursor. Throws CURSOR_AHEAD if the cursor is from another epoch or
 * beyond the end, and CURSOR_EXPIRED with the earliest cursor if the log no longer reaches back to
 * it. A cursor never skips events silently.
 */
export async function resolveCursor(reader: Reader, project: string, epoch: string, cursor: string): Promise<number> {
  const { first, last } = await logRangeOf(reader, project)
  if (cursor === 'start') return first - 1
  const [, cursorEpoch, digits] = /^([^.]+)\.(\d{1,15})$/.exec(cursor) ?? []
  if (cursorEpoch === undefined || digits === undefined) {
    throw new CoordinationError('INVALID_INPUT', 'cursor: malformed; use a cursor that this server returned')
  }
  const seq = Number(digits)
  if (cursorEpoch !== epoch || seq > last) {
    const why = cursorEpoch === epoch ? 'is beyond the end of the feed' : 'belongs to an earlier epoch of the store'
    throw new CoordinationError(
      'CURSOR_AHEAD',
      `this cursor ${why}: read the current state, then continue from details.cursor`,
      {
        cursor: cursorAt(epoch, last),
      },
    )
  }
  requireUnexpiredCursor(epoch, seq, first)
  return seq
}
