import pg from 'pg'

/** Runs one query and prints its rows. Integers of 64 bits come as numbers. */
const [, , url = '', text = '', ...values] = process.argv
pg.types.setTypeParser(pg.types.builtins.INT8, Number)
const client = new pg.Client(url)
await client.connect()
// Without values it may be several statements: what is printed is then of no use.
const result = values.length === 0 ? await client.query(text) : await client.query(text, values)
process.stdout.write(JSON.stringify('rows' in result ? result.rows : []))
await client.end()
