import { type Config, ConfigError, readOwnConfig } from '../config.ts'

/** What SQLite alone has: a PostgreSQL is cared for with its own tools. */
type FileCommand = 'backup' | 'restore'

const postgresAlternative: Readonly<Record<FileCommand, string>> = {
  backup: 'back it up with pg_dump --format=custom, or with pg_basebackup and an archive of its log',
  restore: 'restore it with pg_restore into an empty database, or recover it to a moment from its archive',
}

type DatabaseLocation = Pick<Config, 'database' | 'backupDir' | 'postgres'>

/** The file named here and the folder of its backups, or else what the environment names. */
export const locateDatabase = (given: string | undefined): DatabaseLocation =>
  given === undefined ? readOwnConfig() : { database: given, backupDir: `${given}.backups`, postgres: undefined }

/** The same, of a file alone. Throws ConfigError for a PostgreSQL. */
export function locateSqliteFile(given: string | undefined, command: FileCommand): DatabaseLocation {
  const location = locateDatabase(given)
  if (location.postgres)
    throw new ConfigError(
      `${command} is for a SQLite file, and DATABASE_URL names a PostgreSQL: ${postgresAlternative[command]}`,
    )
  return location
}
