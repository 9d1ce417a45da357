import type { ClientBase } from 'pg'
import { StoreRefusedError } from '../store-refused-error.ts'

interface Settings {
  readonly version: number
  readonly encoding: string
  readonly standby: boolean
  readonly fsync: string
  readonly pages: string
  readonly commit: string
}

export async function readSettings(client: ClientBase): Promise<Settings> {
  const { rows } = await client.query<Settings>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS standby, current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS pages, current_setting('synchronous_commit') AS commit`,
  )
  const [settings] = rows
  if (!settings) throw new StoreRefusedError('the database returned no settings')
  return settings
}

/**
 * Throws StoreRefusedError if the server's settings break the promises of the store. The message
 * names the setting to change.
 */
export async function refuseUnsafeSettings(client: ClientBase, durability: 'disk' | 'process'): Promise<void> {
  const problem = unsafeSettingOf(await readSettings(client), durability)
  if (problem !== undefined) throw new StoreRefusedError(`this database cannot be used: ${problem}`)
}

/**
 * Returns the first setting that breaks a promise of the store, with the change to make; undefined
 * if there is none.
 */
export function unsafeSettingOf(settings: Settings, durability: 'disk' | 'process'): string | undefined {
  if (settings.version < 150_000) return `PostgreSQL 15 or newer is needed, this is ${settings.version}`
  if (settings.encoding !== 'UTF8') return `its encoding is ${settings.encoding}: create it with ENCODING 'UTF8'`
  if (settings.standby) return 'it is a standby: connect to the primary'
  if (settings.fsync !== 'on') return 'fsync is off, a power cut would lose or corrupt it: set fsync = on'
  if (settings.pages !== 'on') return 'full_page_writes is off, a power cut would corrupt it: set full_page_writes = on'
  if (settings.commit === 'off' && durability === 'disk') {
    return 'synchronous_commit is off, a crash would lose acknowledged writes: set synchronous_commit = on'
  }
  return undefined
}
