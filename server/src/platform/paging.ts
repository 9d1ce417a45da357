import { CoordinationError } from '@tony/mcp-shared/errors'

/**
 * Parses a list's cursor: the `ord` of the last row of the previous page; undefined is the start.
 * Throws INVALID_INPUT.
 */
export function parseListCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined
  const position = Number(cursor)
  if (Number.isSafeInteger(position) && position >= 0) return position
  throw new CoordinationError(
    'INVALID_INPUT',
    'cursor: not a cursor of this list; pass the nextCursor of its last page, or none to start over',
  )
}

/**
 * Bytes of caller-written text per page. Rows may be large, and a reply stays in memory until the
 * client has read it. A row that is larger is a page of its own.
 */
export const pageByteLimit = 1_048_576

/** Returns the number of rows that fit into one page, in their order: at least one, if any. */
export function countRowsOfPage(rows: readonly { readonly bytes: number }[]): number {
  let size = 0
  const end = rows.findIndex(({ bytes }, index) => {
    size += bytes
    return index > 0 && size > pageByteLimit
  })
  return end < 0 ? rows.length : end
}
