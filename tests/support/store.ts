import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite, type SqliteOptions } from '@tony/mcp-server/store/sqlite/sqlite'
import type { Reader, Store } from '@tony/mcp-server/store/store'
import Database from 'better-sqlite3'
import { eq } from 'drizzle-orm'
import { ManualClock } from './clock.ts'
import { showIds } from './ids.ts'

/** An open store, and direct access to its rows. */
export interface Opened extends AsyncDisposable {
  readonly store: Store
  /** Runs a query on a connection of its own, which sees only committed rows. */
  rows<Row>(query: string): Promise<Row[]>
}

/** A folder with a database file. It is deleted at the end. */
export class StoreFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'tony-store-'))
  readonly file = join(this.path, 'test.db')

  open(options: Partial<SqliteOptions> = {}): Promise<Store> {
    return openSqlite({ file: this.file, durability: 'disk', clock: new ManualClock(), ...options })
  }

  /** Runs `use` on a connection of its own. */
  raw<T>(use: (database: Database.Database) => T): T {
    const database = new Database(this.file)
    try {
      return use(database)
    } finally {
      database.close()
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

export async function openedSqlite(): Promise<Opened> {
  const folder = new StoreFolder()
  const store = await folder.open()
  return {
    store,
    rows: async <Row>(query: string) =>
      folder.raw((database) => {
        showIds(database)
        return database.prepare<[], Row>(query).all()
      }),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

/** Returns the project that always exists. */
export const projectOf = (store: Store): Promise<string> => store.read((reader) => idOf(reader, 'default'))

async function idOf({ db, t }: Reader, name: string): Promise<string> {
  const [row] = await db.select({ id: t.projects.id }).from(t.projects).where(eq(t.projects.name, name))
  if (!row) throw new Error(`no project ${name}`)
  return row.id
}
