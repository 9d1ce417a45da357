import { systemClock } from '../platform/clock.ts'
import { examineSqlite, type Finding } from '../store/sqlite/examine.ts'
import { locateDatabase } from './database-file.ts'

export type { Finding }

/** Examines the given file, or the environment's database. */
export async function examineDatabase(given: string | undefined): Promise<readonly Finding[]> {
  const { database, backupDir, postgres } = locateDatabase(given)
  if (postgres) {
    // Loads the PostgreSQL driver only if it is needed.
    const { examinePostgres } = await import('../store/postgres/examine.ts')
    return examinePostgres(postgres.directUrl ?? postgres.url)
  }
  return examineSqlite({ file: database, backupDir: backupDir, at: systemClock.wall() })
}
