import { CoordinationError } from '@tony/mcp-shared/errors'

/**
 * Parses a list's cursor: the `ord` of the last row of the previous page; undefined is the start.
 * Throws INVALID_INPUT.
 */
export function parseCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined
  const position = Number(cursor)
  if (Number.isSafeInteger(position) && position >= 0) return position
  throw new CoordinationError('INVALID_INPUT', 'cursor: not one this list gave')
}

/**
 * Characters of caller-written text per page. Rows may be large, and a reply stays in memory until
 * the client has read it.
 */
export const pageCharacterLimit = 1_048_576
