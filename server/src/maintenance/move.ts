import { ConfigError, databaseName, readConfig, readEnvironmentConfig } from '../config.ts'
import { type MoveResult, moveStore, type TableProgress } from '../store/move/move.ts'

export type { MoveResult, TableProgress }

export interface MoveCommandOptions {
  /** SQLite file; undefined means the environment's database. */
  readonly database: string | undefined
  /** Address of the target database: `postgres://…`. */
  readonly to: string
  readonly project: string | undefined
  readonly onProgress: (progress: TableProgress) => void
}

/** Copies one project, or all of them, from a SQLite file to a PostgreSQL database. */
export function moveToPostgres({
  database,
  to,
  project,
  onProgress,
}: MoveCommandOptions): Promise<MoveResult & { readonly file: string }> {
  const { postgres, ...config } = readConfig('serve', { DATABASE_URL: to })
  if (!postgres) throw new ConfigError(`--to ${to}: must be postgres://USER:PASSWORD@HOST/DATABASE`)
  const ownConfig = readEnvironmentConfig()
  if (database === undefined && ownConfig.postgres)
    throw new ConfigError('DATABASE_URL names the PostgreSQL: say which file to move with --db-path')
  const file = database ?? ownConfig.database
  const target = databaseName({ ...config, postgres })
  return moveStore({ file, url: postgres.url, target, project, onProgress }).then((moved) => ({ ...moved, file }))
}
