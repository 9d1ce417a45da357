import { ConfigError, databaseName, readConfig, readOwnConfig } from '../config.ts'
import { type MoveResult, move, type TableProgress } from '../store/move/move.ts'

export type { MoveResult, TableProgress }

export interface MoveCommandOptions {
  /** The file; where absent, what the environment names for a server. */
  readonly database: string | undefined
  /** `postgres://…`. */
  readonly to: string
  readonly project: string | undefined
  readonly onProgress: (said: TableProgress) => void
}

/** Copies a project, or all of them, from a file to a PostgreSQL. */
export function moveToPostgres({
  database,
  to,
  project,
  onProgress,
}: MoveCommandOptions): Promise<MoveResult & { readonly file: string }> {
  const { postgres, ...config } = readConfig('serve', { DATABASE_URL: to })
  if (!postgres) throw new ConfigError(`--to ${to}: must be postgres://USER:PASSWORD@HOST/DATABASE`)
  const ownConfig = readOwnConfig()
  if (database === undefined && ownConfig.postgres)
    throw new ConfigError('DATABASE_URL names the PostgreSQL: say which file to move with --db-path')
  const file = database ?? ownConfig.database
  const target = databaseName({ ...config, postgres })
  return move({ file, url: postgres.url, target, project, onProgress }).then((moved) => ({ ...moved, file }))
}
