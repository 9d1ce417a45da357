import { type Clock, systemClock } from '../platform/clock.ts'
import type { Store } from './store.ts'

export interface StoreOptions {
  /** The SQLite file. */
  readonly database: string
  /** Where the PostgreSQL is that is used instead. */
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
  /** Held beside a SQLite file and given up when the disk is full. */
  readonly ballastBytes: number
}

/** Opens the store that is asked for. Only that one's driver is loaded. */
export async function openStore(options: StoreOptions, clock: Clock): Promise<Store> {
  const { database, postgres, durability, ballastBytes } = options
  if (!postgres) {
    const { openSqlite } = await import('./sqlite/sqlite.ts')
    return openSqlite({ file: database, durability, ballastBytes, clock })
  }
  const { openPostgres } = await import('./postgres/postgres.ts')
  const time = clock.databaseTime
  // What comes from the network comes in real time, whatever time a test says it is.
  return openPostgres({ ...postgres, durability, clock: time ? systemClock : clock, time })
}
