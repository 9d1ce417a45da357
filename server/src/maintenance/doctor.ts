import { existsSync } from 'node:fs'
import { Pepper } from '../domain/identity/pepper.ts'
import { systemClock } from '../platform/clock.ts'
import { withReadOnly } from '../store/migrations/schema-state.ts'
import { type CheckResult, examineSqlite } from '../store/sqlite/examine.ts'
import { resolveDatabaseFile } from '../store/sqlite/file-lock.ts'
import { locateDatabase } from './database-file.ts'

export type { CheckResult }

/** Examines the given file, or the environment's database. */
export async function examineDatabase(given: string | undefined): Promise<readonly CheckResult[]> {
  const { database, backupDir, postgres, pepperFile } = locateDatabase(given)
  if (postgres) {
    // Loads the PostgreSQL driver only if it is needed.
    const { examinePostgres } = await import('../store/postgres/examine.ts')
    return examinePostgres(postgres.directUrl ?? postgres.url)
  }
  const findings = examineSqlite({ file: database, backupDir: backupDir, at: systemClock.wall() })
  const isOurs = findings.some(({ check, state }) => check === 'events' && state === 'ok')
  return isOurs ? [...findings, { check: 'pepper', ...examinePepper(database, pepperFile) }] : findings
}

/**
 * Compares the pepper with the one that the database was made with. A copy without it looks sound,
 * but refuses every key.
 */
function examinePepper(database: string, given: string | undefined): Omit<CheckResult, 'check'> {
  const file = given ?? `${resolveDatabaseFile(database)}.pepper`
  const stored = withReadOnly(database, (opened) =>
    opened.prepare<[], string>("SELECT value FROM store_facts WHERE name = 'pepper'").pluck().get(),
  )
  if (stored === undefined) return { state: 'ok', message: 'no server has used the database yet' }
  const next = 'copy the one of the database beside it, or name it in MCP_PEPPER_FILE'
  if (!existsSync(file))
    return { state: 'failed', message: `${file} does not exist, so every key would be refused: ${next}` }
  return Pepper.open(file, file).hash('pepper') === stored
    ? { state: 'ok', message: `${file} is the one of this database` }
    : { state: 'failed', message: `${file} is not the one of this database, so every key would be refused: ${next}` }
}
