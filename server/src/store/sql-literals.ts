import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'

const quoted = (words: readonly string[]): SQL => sql.raw(words.map((word) => `'${word}'`).join(', '))

/**
 * `column = 'word'` with the word in the text of the statement. Where a partial index names the column, a bound value makes
 * SQLite plan the statement anew on each execution: 8 to 10 µs against 1.2. For words of this program, never a caller's.
 */
export const isWord = (column: SQLWrapper, word: string): SQL => sql`${column} = ${quoted([word])}`

/** The same for one of several words. */
export const isAnyOf = (column: SQLWrapper, words: readonly string[]): SQL => sql`${column} in (${quoted(words)})`
