import { ConfigError, configHere, nameOf, readConfig } from '../config.ts'
import { type Copied, type MovedAway, move } from '../store/move/move.ts'

export type { Copied, MovedAway }

export interface Moving {
  /** The file; where absent, what the environment names for a server. */
  readonly database: string | undefined
  /** `postgres://…`. */
  readonly to: string
  readonly project: string | undefined
  readonly progress: (said: Copied) => void
}

/** Copies a project, or all of them, from a file to a PostgreSQL. */
export function moveAway({ database, to, project, progress }: Moving): Promise<MovedAway & { readonly file: string }> {
  const { postgres, ...config } = readConfig('serve', { DATABASE_URL: to })
  if (!postgres) throw new ConfigError(`--to ${to}: must be postgres://USER:PASSWORD@HOST/DATABASE`)
  const here = configHere()
  if (database === undefined && here.postgres)
    throw new ConfigError('DATABASE_URL names the PostgreSQL: say which file to move with --db-path')
  const file = database ?? here.database
  const target = nameOf({ ...config, postgres })
  return move({ file, url: postgres.url, target, project, progress }).then((moved) => ({ ...moved, file }))
}
