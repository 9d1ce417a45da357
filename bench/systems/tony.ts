import { rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Client } from 'pg'
import { freePort, ServerChild } from '../../demo/server-process.ts'
import { type RunningSystem, temporaryFolder } from './daemon.ts'
import { startDistantPostgres } from './postgres.ts'

/**
 * Enough for 10,000 agents on one server, and for 640 sends in flight on a slow machine: refusals
 * and their repeats would be measured instead of the sends, and no peer refuses any.
 */
const limits = { MCP_LIMIT_SOCKETS: '20000', MCP_LIMIT_CONNECTIONS: '20000', MCP_LIMIT_QUEUE_MS: '60000' }

async function startServer(checkout: string, settings: Readonly<Record<string, string>>): Promise<RunningSystem> {
  const folder = temporaryFolder('tony')
  const server = new ServerChild({
    folder,
    port: await freePort(),
    program: join(checkout, 'cli/dist/main.js'),
    settings: { DATABASE_PATH: join(folder, 'bench.db'), ...limits, ...settings },
  })
  await server.start()
  const file = join(folder, 'bench.db')
  return {
    // The pages that a reader sees, in the file or in its log.
    storedBytes: async () => {
      const database = new Database(file, { readonly: true })
      try {
        return (
          Number(database.pragma('page_count', { simple: true })) *
          Number(database.pragma('page_size', { simple: true }))
        )
      } finally {
        database.close()
      }
    },
    url: `http://127.0.0.1:${server.port}`,
    pids: [server.pid],
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function bytesInPostgres(url: string): Promise<number> {
  const client = new Client(url)
  await client.connect()
  try {
    const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes')
    return Number(rows[0]?.bytes)
  } finally {
    await client.end()
  }
}

/** Starts the built server of a checkout on a new SQLite file. */
export const startTony = (checkout: string): Promise<RunningSystem> => startServer(checkout, {})

/**
 * Starts the built server of a checkout on a new PostgreSQL, whose processes count too. A round
 * trip between them takes `delayMs`.
 */
export async function startTonyOnPostgres(checkout: string, delayMs: number): Promise<RunningSystem> {
  const postgres = await startDistantPostgres(delayMs)
  try {
    const server = await startServer(checkout, { DATABASE_PATH: '', DATABASE_URL: postgres.url })
    return {
      url: server.url,
      pids: [...server.pids, ...postgres.pids],
      storedBytes: () => bytesInPostgres(postgres.url),
      [Symbol.asyncDispose]: async () => {
        await server[Symbol.asyncDispose]()
        await postgres[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await postgres[Symbol.asyncDispose]()
    throw error
  }
}
