import { randomBytes } from 'node:crypto'
import { defaultProject } from '@tony/mcp-shared/projects'
import type { ClientBase } from 'pg'
import { uuidv7 } from 'uuidv7'
import { millisecondsNow } from './postgres-connection.ts'

export interface Facts {
  readonly epoch: string
  readonly secret: Uint8Array
  /** What the database's clock says. */
  readonly now: number
}

/** The timeline of the database: another one after a standby was promoted, which may lack what the primary had acknowledged. */
const timeline = 'substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)'

export async function readEpoch(client: Pick<ClientBase, 'query'>): Promise<{ epoch: string; now: number }> {
  const { rows } = await client.query<{ epoch: string; timeline: string; now: string }>(
    `SELECT value AS epoch, ${timeline} AS timeline, ${millisecondsNow} AS now FROM store_facts WHERE name = 'epoch'`,
  )
  const [row] = rows
  if (!row) throw new Error('the store has no epoch')
  return { epoch: `${row.epoch}-${Number.parseInt(row.timeline, 16)}`, now: Number(row.now) }
}

/** What a store must have from its first moment on. Whichever replica comes first decides. */
export async function readFacts(client: ClientBase): Promise<Facts> {
  const fact = async (name: string, initial: string): Promise<string> => {
    await client.query('INSERT INTO store_facts VALUES ($1, $2) ON CONFLICT DO NOTHING', [name, initial])
    const { rows } = await client.query<{ value: string }>('SELECT value FROM store_facts WHERE name = $1', [name])
    return rows[0]?.value ?? initial
  }
  await client.query(
    `INSERT INTO projects (id, name, created_at) VALUES ($1, $2, ${millisecondsNow}) ON CONFLICT DO NOTHING`,
    [uuidv7(), defaultProject],
  )
  await fact('epoch', uuidv7().slice(-8))
  const secret = Buffer.from(await fact('secret', randomBytes(32).toString('base64url')), 'base64url')
  return { ...(await readEpoch(client)), secret }
}
