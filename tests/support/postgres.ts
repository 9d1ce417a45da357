import { createHash, randomUUID } from 'node:crypto'
import { readMigrations } from '@tony/mcp-server/store/migrations/migrate'
import { migratePostgres } from '@tony/mcp-server/store/postgres/migrate'
import { openPostgres, type PostgresOptions, postgresMigrationsFolder } from '@tony/mcp-server/store/postgres/postgres'
import type { Store } from '@tony/mcp-server/store/store'
import { Client } from 'pg'
import { inject } from 'vitest'
import { ManualClock } from './clock.ts'
import type { Opened } from './store.ts'

/**
 * Returns the server for the tests: that of TEST_DATABASE_URL, or one that is started for this run.
 * Undefined if there is none.
 */
async function findServer(): Promise<string | undefined> {
  const named = process.env['TEST_DATABASE_URL']
  if (named !== undefined && named !== '') return named
  const response = await fetch(inject('postgresAt'))
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  if (text !== '') return text
  process.stderr.write('\n!!! NO POSTGRESQL: set TEST_DATABASE_URL, or install it. What needs one is SKIPPED.\n\n')
  return undefined
}

export const postgresServer = await findServer()

async function onServer<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(url)
  // The query of a connection that a test has ended fails. Without a listener the event would also
  // end the process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

const shipped = readMigrations(postgresMigrationsFolder)

/**
 * Returns a database with all migrations, which is copied: this takes a fifth of the time of a
 * migration. All tests of a server share it.
 */
async function migrated(server: string): Promise<string> {
  const schema = createHash('sha256')
    .update(shipped.map(({ checksum }) => checksum).join())
    .digest('hex')
  const name = `tony_template_${schema.slice(0, 16)}`
  await onServer(server, async (client) => {
    await client.query('select pg_advisory_lock(1)')
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1 and datistemplate', [name])
    if (rowCount === 1) return
    await client.query(`drop database if exists ${name}`)
    await client.query(`create database ${name} template template0 encoding 'UTF8'`)
    await onServer(urlOf(server, name), (inner) => migratePostgres(inner, shipped))
    await client.query(`alter database ${name} is_template true`)
  })
  return name
}

function urlOf(server: string, name: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

/** A database of its own on the server of the tests. It is dropped at the end. */
export class Database implements AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly #server: string

  private constructor(server: string, name: string) {
    this.#server = server
    this.name = name
    this.url = urlOf(server, name)
  }

  /** `empty`: without any table; `from`: a copy of another database without connections. */
  static async create({
    empty = false,
    from,
  }: {
    readonly empty?: boolean
    readonly from?: Database
  } = {}): Promise<Database> {
    if (postgresServer === undefined) throw new Error('there is no PostgreSQL')
    const server = new URL(postgresServer)
    if (server.pathname === '' || server.pathname === '/') server.pathname = '/postgres'
    const database = new Database(server.href, `tony_${randomUUID().replaceAll('-', '')}`)
    const template = empty ? 'template0' : (from?.name ?? (await migrated(server.href)))
    await onServer(server.href, (client) =>
      client.query(`create database ${database.name} template ${template} encoding 'UTF8'`),
    )
    return database
  }

  open(options: Partial<PostgresOptions> = {}): Promise<Store> {
    return openPostgres({ url: this.url, time: new ManualClock().databaseTime, ...options })
  }

  /** Runs `use` on a connection of its own. */
  raw<T>(use: (client: Client) => Promise<T>): Promise<T> {
    return onServer(this.url, use)
  }

  async rows<Row>(query: string): Promise<Row[]> {
    return this.raw(async (client) => {
      const { rows } = await client.query<Record<string, unknown>>(query)
      return rows.map((row) => plain<Row>(row))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await onServer(this.#server, (client) => client.query(`drop database ${this.name} with (force)`))
  }
}

/** PostgreSQL returns 64-bit integers as text; this converts them. */
function plain<Row>(row: Record<string, unknown>): Row {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value,
  ])
  // The caller states the type of its rows.
  return Object.fromEntries(entries) as Row
}

export async function openedPostgres(options: Partial<PostgresOptions> = {}): Promise<Opened> {
  const database = await Database.create()
  const store = await database.open(options)
  return {
    store,
    rows: (query) => database.rows(query),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}
