import { randomBytes } from 'node:crypto'
import { defaultProject } from '@tony/mcp-shared/projects'
import type { ClientBase } from 'pg'
import { uuidv7 } from '../../platform/uuid.ts'
import { StoreRefusedError } from '../store-refused-error.ts'
import { nowMsSql } from './connection.ts'
import { requiredMigrationSql } from './schema-version.ts'

export interface StoreFacts {
  readonly epoch: string
  readonly secret: Uint8Array
  /** Time of the database's clock. */
  readonly now: number
}

/**
 * Location of the data: the cluster and its timeline, the database and its table of events. A
 * promoted standby and a point-in-time recovery have another timeline, a restored dump another
 * table. Each of them may lack acknowledged writes.
 */
const locationSql = `(SELECT concat_ws('-', (SELECT system_identifier FROM pg_control_system()),
  substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8),
  (SELECT oid FROM pg_database WHERE datname = current_database()), 'public.events'::regclass::oid))`

/**
 * Reads the epoch. It begins a new one if the data is no longer at the location of the epoch; the
 * first replica to notice decides. It fails on a standby, which has no timeline of its own.
 */
export async function readEpoch(
  client: Pick<ClientBase, 'query'>,
): Promise<{ epoch: string; now: number; needed: string }> {
  for (;;) {
    const { rows } = await client.query<{ fact: string; location: string; now: string; needed: string }>(
      `SELECT value AS fact, ${locationSql} AS location, ${nowMsSql} AS now, ${requiredMigrationSql} AS needed
       FROM store_facts WHERE name = 'epoch'`,
    )
    const [row] = rows
    if (!row) throw new Error('the store has no epoch')
    const [epoch = '', epochLocation] = row.fact.split('@')
    if (epochLocation === row.location) return { epoch, now: Number(row.now), needed: row.needed }
    await client.query(`UPDATE store_facts SET value = $1 WHERE name = 'epoch' AND value = $2`, [
      `${uuidv7().slice(-8)}@${row.location}`,
      row.fact,
    ])
  }
}

/** Gives a new store the epoch of the store whose feeds it takes over. */
export async function setEpoch(client: Pick<ClientBase, 'query'>, epoch: string): Promise<void> {
  await client.query(
    `INSERT INTO store_facts SELECT 'epoch', $1 || '@' || ${locationSql} ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    [epoch],
  )
}

/** Throws StoreRefusedError if a move into this store is not finished. */
export async function refuseUnfinishedMove(client: Pick<ClientBase, 'query'>): Promise<void> {
  const { rowCount } = await client.query(
    `SELECT 1 FROM store_facts WHERE name LIKE 'move %' AND value LIKE '%"done":false%'`,
  )
  if (rowCount !== 0)
    throw new StoreRefusedError('a move into this database is not finished: run the same tony-mcp move again')
}

/** Reads the facts of a store and creates missing ones. The first of several replicas decides. */
export async function readFacts(client: ClientBase): Promise<StoreFacts> {
  const fact = async (name: string, initial: string): Promise<string> => {
    await client.query('INSERT INTO store_facts VALUES ($1, $2) ON CONFLICT DO NOTHING', [name, initial])
    const { rows } = await client.query<{ value: string }>('SELECT value FROM store_facts WHERE name = $1', [name])
    return rows[0]?.value ?? initial
  }
  await client.query(
    `INSERT INTO projects (id, name, created_at) VALUES ($1, $2, ${nowMsSql}) ON CONFLICT DO NOTHING`,
    [uuidv7(), defaultProject],
  )
  await fact('epoch', 'none yet')
  const secret = Buffer.from(await fact('secret', randomBytes(32).toString('base64url')), 'base64url')
  return { ...(await readEpoch(client)), secret }
}

/** Returns the size of the database with its indexes, without the write-ahead log. */
export async function readDatabaseBytes(client: Pick<ClientBase, 'query'>): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes')
  return Number(rows[0]?.bytes ?? 0)
}
