import { createMigration, type MigrationState, schemaCommandsOf } from '@tony/mcp-server/maintenance/migrate'
import type { DatabaseOptions } from './backup.ts'

const migrationNameOf = ({ number, name }: MigrationState): string => `${String(number).padStart(4, '0')}_${name}`

const printOutcome = (json: boolean, outcome: object, lines: readonly string[]): void => {
  process.stdout.write(`${json ? JSON.stringify(outcome) : lines.join('\n')}\n`)
}

/** `tony-mcp migrate up`: applies the missing migrations. */
export async function migrateUp({ dbPath, json }: DatabaseOptions): Promise<void> {
  const { database, migrate: up } = await schemaCommandsOf(dbPath)
  const applied = await up()
  const lines = applied.map((state) => `applied ${migrationNameOf(state)}`)
  printOutcome(json, { database, applied }, [...lines, `${database} is up to date`])
}

const migrationStatusOf = ({ applied, known }: MigrationState): string => {
  if (!known) return 'applied, of a newer program'
  return applied ? 'applied' : 'to be applied'
}

/** `tony-mcp migrate status`: exits with 1 if a migration is not applied. */
export async function migrateStatus({ dbPath, json }: DatabaseOptions): Promise<void> {
  const { database, states } = await schemaCommandsOf(dbPath)
  const migrations = await states()
  const lines = migrations.map((state) => `${migrationNameOf(state)}: ${migrationStatusOf(state)}`)
  printOutcome(json, { database, migrations }, lines)
  if (migrations.some(({ applied }) => !applied)) process.exitCode = 1
}

/** `tony-mcp migrate validate`: exits with 1 if the schema is not the result of its migrations. */
export async function migrateValidate({ dbPath, json }: DatabaseOptions): Promise<void> {
  const schema = await schemaCommandsOf(dbPath)
  const { database } = schema
  const differences = await schema.differences()
  const sound = `the schema of ${database} is what its migrations make`
  printOutcome(json, { database, differences }, differences.length === 0 ? [sound] : differences)
  if (differences.length > 0) process.exitCode = 1
}

/** `tony-mcp migrate create`: writes the next migration. */
export const migrateCreate = (name: string): void => createMigration(name)
