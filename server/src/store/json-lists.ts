import { type Column, is, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { SQLiteColumn } from 'drizzle-orm/sqlite-core'

/**
 * Compares a column with the texts of a JSON list, which is one parameter. A prepared statement
 * then serves lists of any length. With a parameter for each text, Drizzle builds the statement at
 * each call, which costs more than the statement.
 */
export const inJsonList = (column: Column, list: SQLWrapper): SQL =>
  is(column, SQLiteColumn)
    ? sql`${column} in (select value from json_each(${list}))`
    : sql`${column} = any(array(select json_array_elements_text(cast(${list} as json))))`

/**
 * Selects the rows of a JSON list of pairs of texts and an integer each, for an insert. `target` is
 * a column of the table that gets them.
 */
export const selectJsonRowsSql = (target: Column, list: SQLWrapper): SQL =>
  is(target, SQLiteColumn)
    ? // Without a condition SQLite reads the conflict clause of the insert as one of a join.
      sql`select value ->> 0, value ->> 1, value ->> 2 from json_each(${list}) where true`
    : sql`select item ->> 0, item ->> 1, cast(item ->> 2 as integer) from json_array_elements(cast(${list} as json)) as item`
