import { type Config, ConfigError, configHere } from '../config.ts'

/** What SQLite alone has: a PostgreSQL is cared for with its own tools. */
type FileCare = 'backup' | 'restore' | 'doctor'

const instead: Readonly<Record<FileCare, string>> = {
  backup: 'back it up with pg_dump --format=custom, or with pg_basebackup and an archive of its log',
  restore: 'restore it with pg_restore into an empty database, or recover it to a moment from its archive',
  doctor: 'examine it with its own tools',
}

/** The file named here and the folder of its backups, or else those of the environment. Throws ConfigError for a PostgreSQL. */
export function placeOf(given: string | undefined, what: FileCare): Pick<Config, 'database' | 'backupDir'> {
  if (given !== undefined) return { database: given, backupDir: `${given}.backups` }
  const config = configHere()
  if (config.postgres)
    throw new ConfigError(`${what} is for a SQLite file, and DATABASE_URL names a PostgreSQL: ${instead[what]}`)
  return config
}
