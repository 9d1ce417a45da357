import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ConfigError, databaseName, readOwnConfig } from '../config.ts'
import { systemClock } from '../platform/clock.ts'
import {
  type MigrationState,
  migrateFile,
  migrationStates,
  schemaDifferences,
} from '../store/migrations/schema-state.ts'

export type { MigrationState }

/** The schema of a database, and what can be done about it. */
export interface SchemaCommands {
  /** As it is said to a user. */
  readonly database: string
  /** Applies what is missing; returns what was. */
  migrate(): Promise<readonly MigrationState[]>
  states(): Promise<readonly MigrationState[]>
  /** How it differs from what its migrations make. */
  differences(): Promise<readonly string[]>
}

const sqliteSchema = (file: string): SchemaCommands => ({
  database: file,
  migrate: async () => migrateFile(file, systemClock),
  states: async () => migrationStates(file),
  differences: async () => schemaDifferences(file),
})

/** Of the file named here, or else of what the environment names for a server. */
export async function schemaCommands(given: string | undefined): Promise<SchemaCommands> {
  if (given !== undefined) return sqliteSchema(given)
  const config = readOwnConfig()
  if (!config.postgres) return sqliteSchema(config.database)
  const { url, directUrl = url } = config.postgres
  const {
    schemaDifferencesAt: differencesAt,
    migrateDatabaseAt: migrateAt,
    migrationStatesAt: statesAt,
  } = await import('../store/postgres/schema-state.ts')
  return {
    database: databaseName(config),
    migrate: () => migrateAt(directUrl),
    states: () => statesAt(directUrl),
    differences: () => differencesAt(directUrl),
  }
}

const script = fileURLToPath(new URL('../../../scripts/new-migration.ts', import.meta.url))

/** Writes the next migration of both engines from the tables. Throws ConfigError where there are no sources. */
export function createMigration(name: string): void {
  if (!existsSync(script))
    throw new ConfigError('migrations are written in the sources of this program, and these are not they')
  execFileSync(process.execPath, [script, name], { stdio: 'inherit' })
}
