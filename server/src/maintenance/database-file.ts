import { type Config, ConfigError, configHere } from '../config.ts'

/** What SQLite alone has: a PostgreSQL is cared for with its own tools. */
type FileCare = 'backup' | 'restore'

const instead: Readonly<Record<FileCare, string>> = {
  backup: 'back it up with pg_dump --format=custom, or with pg_basebackup and an archive of its log',
  restore: 'restore it with pg_restore into an empty database, or recover it to a moment from its archive',
}

type Named = Pick<Config, 'database' | 'backupDir' | 'postgres'>

/** The file named here and the folder of its backups, or else what the environment names. */
export const databaseNamed = (given: string | undefined): Named =>
  given === undefined ? configHere() : { database: given, backupDir: `${given}.backups`, postgres: undefined }

/** The same, of a file alone. Throws ConfigError for a PostgreSQL. */
export function placeOf(given: string | undefined, what: FileCare): Named {
  const named = databaseNamed(given)
  if (named.postgres)
    throw new ConfigError(`${what} is for a SQLite file, and DATABASE_URL names a PostgreSQL: ${instead[what]}`)
  return named
}
