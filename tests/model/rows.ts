import Sqlite from 'better-sqlite3'
import pg from 'pg'
import { showIds } from '../support/ids.ts'

/** Reads rows of the store over a connection of its own, which stays open. */
export interface Rows extends AsyncDisposable {
  readonly read: <Row>(query: string, ...params: readonly (string | number)[]) => Promise<Row[]>
}

function ofFile(file: string): Rows {
  const database = new Sqlite(file, { readonly: true })
  showIds(database)
  return {
    read: async <Row>(query: string, ...params: readonly (string | number)[]) =>
      database.prepare<(string | number)[], Row>(query).all(...params),
    [Symbol.asyncDispose]: async () => {
      database.close()
    },
  }
}

async function ofDatabase(connectionString: string): Promise<Rows> {
  const client = new pg.Client({
    connectionString,
    // Returns 64-bit integers as numbers.
    types: {
      getTypeParser: (type, format) =>
        type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format),
    },
  })
  await client.connect()
  return {
    read: async <Row>(query: string, ...params: readonly (string | number)[]) => {
      let index = 0
      const numbered = query.replaceAll('?', () => {
        index += 1
        return `$${index}`
      })
      return (await client.query<Row & pg.QueryResultRow>(numbered, [...params])).rows
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

export const rowsOf = async ({ database, postgres }: { database: string; postgres?: { url: string } | undefined }) =>
  postgres ? ofDatabase(postgres.url) : ofFile(database)
