import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ConfigError, databaseName, readEnvironmentConfig } from '../config.ts'
import { systemClock } from '../platform/clock.ts'
import {
  findSchemaDifferences,
  type MigrationState,
  migrateFile,
  readMigrationStates,
} from '../store/migrations/schema-state.ts'

export type { MigrationState }

/** The commands for the schema of one database. */
export interface SchemaCommands {
  /** Name of the database for messages, without a password. */
  readonly database: string
  /** Applies the missing migrations and returns them. */
  migrate(): Promise<readonly MigrationState[]>
  states(): Promise<readonly MigrationState[]>
  /** Returns the differences between this schema and the schema that the migrations produce. */
  differences(): Promise<readonly string[]>
}

const sqliteSchemaCommandsOf = (file: string): SchemaCommands => ({
  database: file,
  migrate: async () => migrateFile(file, systemClock),
  states: async () => readMigrationStates(file),
  differences: async () => findSchemaDifferences(file),
})

/** Returns the commands for the given file, or for the environment's database. */
export async function schemaCommandsOf(given: string | undefined): Promise<SchemaCommands> {
  if (given !== undefined) return sqliteSchemaCommandsOf(given)
  const config = readEnvironmentConfig()
  if (!config.postgres) return sqliteSchemaCommandsOf(config.database)
  const { url, directUrl = url } = config.postgres
  const {
    findSchemaDifferencesAt: differencesAt,
    migrateDatabaseAt: migrateAt,
    readMigrationStatesAt: statesAt,
  } = await import('../store/postgres/schema-state.ts')
  return {
    database: databaseName(config),
    migrate: () => migrateAt(directUrl),
    states: () => statesAt(directUrl),
    differences: () => differencesAt(directUrl),
  }
}

const newMigrationScript = fileURLToPath(new URL('../../../scripts/new-migration.ts', import.meta.url))

/**
 * Writes the next migration of both engines from the table definitions. Throws ConfigError if this
 * installation has no sources.
 */
export function createMigration(name: string): void {
  if (!existsSync(newMigrationScript))
    throw new ConfigError('cannot create a migration here: run the command in a checkout of the sources')
  execFileSync(process.execPath, [newMigrationScript, name], { stdio: 'inherit' })
}
