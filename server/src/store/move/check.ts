import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import type { Column, MoveSource, Value } from './source.ts'
import { countedTables, type Moved, movedTables, numbered } from './tables.ts'
import { type Progress, shift } from './target.ts'

const pageRows = 1_000

/** Rows of a table in whatever order they come. */
class Sum {
  rows = 0
  #sum = 0n

  add(row: readonly Value[]): void {
    this.rows += 1
    const hash = createHash('sha256').update(JSON.stringify(row)).digest()
    this.#sum = BigInt.asUintN(128, this.#sum + hash.readBigUInt64BE(0) * 2n ** 64n + hash.readBigUInt64BE(8))
  }

  get checksum(): string {
    return this.#sum.toString(16).padStart(32, '0')
  }
}

/** What was found of one table, the same in both. */
export interface Verified {
  readonly table: string
  readonly rows: number
  readonly checksum: string
}

function sumOfSource(source: MoveSource, moved: Moved, project: string, offsets: Progress['offsets']): Sum {
  const sum = new Sum()
  const columns = source.columns(moved.table)
  for (let after = 0; ; ) {
    const page = source.page(moved, project, after, pageRows)
    for (const [place, ...values] of page) {
      sum.add(shift(moved, columns, offsets, values))
      after = place
    }
    if (page.length < pageRows) return sum
  }
}

const asNumber = (value: unknown): Value => (value === null ? null : Number(value))

const typed = ({ kind }: Column, value: unknown): Value =>
  kind === 'text' ? (typeof value === 'string' ? value : null) : asNumber(value)

/** Reads the rows back, as they are in the target. */
async function sumOfTarget(
  client: Client,
  { table, of }: Moved,
  { project, columns, offset }: { project: string; columns: readonly Column[]; offset: number },
): Promise<Sum> {
  const sum = new Sum()
  // What others had there before has lower numbers.
  const column = numbered[table]
  const ours = column === undefined ? '' : ` AND ${column} > ${offset}`
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  await client.query('BEGIN')
  try {
    await client.query(
      `DECLARE moved NO SCROLL CURSOR FOR SELECT ${names} FROM ${table} WHERE ${of.replaceAll('?', '$1')}${ours}`,
      [project],
    )
    for (;;) {
      const { rows } = await client.query<unknown[]>({ text: `FETCH ${pageRows} FROM moved`, rowMode: 'array' })
      for (const row of rows) sum.add(columns.map((column, index) => typed(column, row[index] ?? null)))
      if (rows.length < pageRows) return sum
    }
  } finally {
    await client.query('ROLLBACK')
  }
}

/** A move left something out or changed it. */
export class MoveError extends Error {
  override readonly name = 'MoveError'
}

/** Compares every table of a project, and what triggers counted. Throws MoveError at the first that differs. */
export async function verify(
  client: Client,
  source: MoveSource,
  { project, offsets }: { readonly project: string; readonly offsets: Progress['offsets'] },
): Promise<readonly Verified[]> {
  const found: Verified[] = []
  for (const moved of [...movedTables, ...countedTables]) {
    const ours = sumOfSource(source, moved, project, offsets)
    const theirs = await sumOfTarget(client, moved, {
      project,
      columns: source.columns(moved.table),
      offset: offsets[moved.table] ?? 0,
    })
    const { rows, checksum } = ours
    if (rows !== theirs.rows || checksum !== theirs.checksum)
      throw new MoveError(
        `${moved.table}: ${rows} rows with checksum ${checksum} in ${source.file}, ${theirs.rows} with ${theirs.checksum} in the target. The target is not to be used: empty it and begin again`,
      )
    found.push({ table: moved.table, rows, checksum })
  }
  return found
}
