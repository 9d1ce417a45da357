import { type Clock, systemClock } from '../platform/clock.ts'
import type { Store } from './store.ts'

export interface StoreOptions {
  /** SQLite file; unused if `postgres` is set. */
  readonly database: string
  /** PostgreSQL database; undefined selects SQLite. */
  readonly postgres:
    | {
        readonly url: string
        readonly directUrl: string | undefined
        readonly pooler: boolean
        readonly notify: boolean
        readonly writerLock?: boolean
      }
    | undefined
  readonly durability: 'disk' | 'process'
  /** Size of the ballast beside the SQLite file. */
  readonly ballastBytes: number
}

/** Opens the configured store. It loads only the driver of that engine. */
export async function openStore(options: StoreOptions, clock: Clock): Promise<Store> {
  const { database, postgres, durability, ballastBytes } = options
  if (!postgres) {
    const { openSqlite } = await import('./sqlite/sqlite.ts')
    return openSqlite({ file: database, durability, ballastBytes, clock })
  }
  const { openPostgres } = await import('./postgres/postgres.ts')
  const time = clock.databaseTime
  // Network replies arrive in real time, so timeouts need the system clock even if a test sets the
  // database's time.
  return openPostgres({ ...postgres, durability, clock: time ? systemClock : clock, time })
}
