import { CoordinationError } from '@tony/mcp-shared/errors'

/** The place a list's cursor stands for: the `ord` of the last row it gave; undefined for the beginning. */
export function parseCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined
  const position = Number(cursor)
  if (Number.isSafeInteger(position) && position >= 0) return position
  throw new CoordinationError('INVALID_INPUT', 'cursor: not one this list gave')
}

/** So many characters of the callers' own in one page: rows may be large, and a reply is held until it has been read. */
export const pageCharacterLimit = 1_048_576
