import { readConfig } from '@tony/mcp-server/config'
import { startServer } from '@tony/mcp-server/server'
import Database from 'better-sqlite3'

/** Starts a server, damages its database once it replies, and then calls it. */
const [, , file = ''] = process.argv
const server = await startServer(readConfig('dev', { DATABASE_PATH: file, MCP_PORT: '0', LOG_LEVEL: 'error' }))
const other = new Database(file)
other.pragma('wal_checkpoint(TRUNCATE)')
other.unsafeMode(true)
other.pragma('writable_schema = ON')
other.exec("UPDATE sqlite_master SET rootpage = 1000000 WHERE name = 'pools'")
other.pragma('schema_version = 1000')
other.close()
process.stdout.write('damaged\n')
await server.services.store
  .read(({ db, t }) => db.select().from(t.pools))
  .then(
    () => process.stdout.write('answered\n'),
    () => undefined,
  )
process.stdin.resume()
