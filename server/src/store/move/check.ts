import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import type { ColumnValue, MoveSource, SourceColumn } from './source.ts'
import { copiedTables, identityColumns, type TableSpec, triggerFilledTables } from './tables.ts'
import { type MoveProgress, renumberRow } from './target.ts'

const pageRows = 1_000

/** A checksum over the rows of a table that does not depend on their order. */
class TableChecksum {
  rows = 0
  #sum = 0n

  add(row: readonly ColumnValue[]): void {
    this.rows += 1
    const hash = createHash('sha256').update(JSON.stringify(row)).digest()
    this.#sum = BigInt.asUintN(128, this.#sum + hash.readBigUInt64BE(0) * 2n ** 64n + hash.readBigUInt64BE(8))
  }

  get checksum(): string {
    return this.#sum.toString(16).padStart(32, '0')
  }
}

/** The count and the checksum of one table, equal in source and target. */
export interface TableCheck {
  readonly table: string
  readonly rows: number
  readonly checksum: string
}

function computeSourceChecksum(
  source: MoveSource,
  spec: TableSpec,
  project: string,
  offsets: MoveProgress['offsets'],
): TableChecksum {
  const sum = new TableChecksum()
  const columns = source.columnsOf(spec.table)
  for (let after = 0; ; ) {
    const page = source.readPage(spec, project, after, pageRows)
    for (const [rowid, ...values] of page) {
      sum.add(renumberRow(spec, columns, offsets, values))
      after = rowid
    }
    if (page.length < pageRows) return sum
  }
}

const toNumber = (value: unknown): ColumnValue => (value === null ? null : Number(value))

const toColumnValue = ({ kind }: SourceColumn, value: unknown): ColumnValue =>
  kind === 'text' ? (typeof value === 'string' ? value : null) : toNumber(value)

/** Reads the rows back from the target. */
async function computeTargetChecksum(
  client: Client,
  { table, rowFilter, parameterOf }: TableSpec,
  { project, columns, offset }: { project: string; columns: readonly SourceColumn[]; offset: number },
): Promise<TableChecksum> {
  const sum = new TableChecksum()
  // Rows that the target had before the move have numbers up to the offset and are not compared.
  const column = identityColumns[table]
  const newRowsOnly = column === undefined ? '' : ` AND ${column} > ${offset}`
  const names = columns.map(({ name }) => `"${name}"`).join(', ')
  await client.query('BEGIN')
  try {
    await client.query(
      `DECLARE moved NO SCROLL CURSOR FOR SELECT ${names} FROM ${table} WHERE ${rowFilter.replaceAll('?', '$1')}${newRowsOnly}`,
      [parameterOf?.(project) ?? project],
    )
    for (;;) {
      const { rows } = await client.query<unknown[]>({ text: `FETCH ${pageRows} FROM moved`, rowMode: 'array' })
      for (const row of rows) sum.add(columns.map((column, index) => toColumnValue(column, row[index] ?? null)))
      if (rows.length < pageRows) return sum
    }
  } finally {
    await client.query('ROLLBACK')
  }
}

/** The move is incomplete or has changed rows. */
export class MoveError extends Error {
  override readonly name = 'MoveError'
}

/**
 * Compares every table of a project, including those that triggers fill. Throws MoveError at the
 * first difference.
 */
export async function compareTables(
  client: Client,
  source: MoveSource,
  { project, offsets }: { readonly project: string; readonly offsets: MoveProgress['offsets'] },
): Promise<readonly TableCheck[]> {
  const found: TableCheck[] = []
  for (const spec of [...copiedTables, ...triggerFilledTables]) {
    const sourceSum = computeSourceChecksum(source, spec, project, offsets)
    const targetSum = await computeTargetChecksum(client, spec, {
      project,
      columns: source.columnsOf(spec.table),
      offset: offsets[spec.table] ?? 0,
    })
    const { rows, checksum } = sourceSum
    if (rows !== targetSum.rows || checksum !== targetSum.checksum)
      throw new MoveError(
        `${spec.table}: ${rows} rows with checksum ${checksum} in ${source.file}, ${targetSum.rows} with ${targetSum.checksum} in the target. The target is not to be used: empty it and begin again`,
      )
    found.push({ table: spec.table, rows, checksum })
  }
  return found
}
