import { migrateSqlite, readMigrations } from '@tony/mcp-server/store/migrations/migrate'
import Database from 'better-sqlite3'

/**
 * Migrates a file with the migrations of a folder. A migration that calls `die()` kills the process
 * there.
 */
const [, , file = '', folder = ''] = process.argv
const database = new Database(file, { timeout: 20_000 })
database.function('die', () => process.kill(process.pid, 'SIGKILL'))
migrateSqlite(database, readMigrations(new URL(folder)), Date.now())
database.close()
