import { type Config, ConfigError, readEnvironmentConfig } from '../config.ts'

/** A command for SQLite files only. PostgreSQL has its own tools for these. */
type FileCommand = 'backup' | 'restore'

const postgresAlternative: Readonly<Record<FileCommand, string>> = {
  backup: 'back it up with pg_dump --format=custom, or with pg_basebackup and an archive of its log',
  restore: 'restore it with pg_restore into an empty database, or recover it to a point in time from its archive',
}

type DatabaseLocation = Pick<Config, 'database' | 'backupDir' | 'postgres' | 'pepperFile'>

/** Returns the given file and the folder of its backups, or the environment's database. */
export const locateDatabase = (given: string | undefined): DatabaseLocation =>
  given === undefined
    ? readEnvironmentConfig()
    : { database: given, backupDir: `${given}.backups`, postgres: undefined, pepperFile: undefined }

/** Returns the location of a SQLite file. Throws ConfigError if the database is PostgreSQL. */
export function locateSqliteFile(given: string | undefined, command: FileCommand): DatabaseLocation {
  const location = locateDatabase(given)
  if (location.postgres)
    throw new ConfigError(
      `${command} is for a SQLite file, and DATABASE_URL names a PostgreSQL: ${postgresAlternative[command]}`,
    )
  return location
}
