import { createMigration, type MigrationState, schemaOf } from '@tony/mcp-server/maintenance/migrate'
import type { Place } from './backup.ts'

const nameOf = ({ number, name }: MigrationState): string => `${String(number).padStart(4, '0')}_${name}`

const say = (json: boolean, outcome: object, lines: readonly string[]): void => {
  process.stdout.write(`${json ? JSON.stringify(outcome) : lines.join('\n')}\n`)
}

/** `tony-mcp migrate up`. */
export async function migrateUp({ dbPath, json }: Place): Promise<void> {
  const { database, up } = await schemaOf(dbPath)
  const applied = await up()
  const lines = applied.map((state) => `applied ${nameOf(state)}`)
  say(json, { database, applied }, [...lines, `${database} is up to date`])
}

const wordOf = ({ applied, known }: MigrationState): string => {
  if (!known) return 'applied, of a newer program'
  return applied ? 'applied' : 'to be applied'
}

/** `tony-mcp migrate status`: exit code 1 when something is to be applied. */
export async function migrateStatus({ dbPath, json }: Place): Promise<void> {
  const { database, states } = await schemaOf(dbPath)
  const migrations = await states()
  const lines = migrations.map((state) => `${nameOf(state)}: ${wordOf(state)}`)
  say(json, { database, migrations }, lines)
  if (migrations.some(({ applied }) => !applied)) process.exitCode = 1
}

/** `tony-mcp migrate validate`: exit code 1 when the schema is not what its migrations make. */
export async function migrateValidate({ dbPath, json }: Place): Promise<void> {
  const schema = await schemaOf(dbPath)
  const { database } = schema
  const differences = await schema.differences()
  const sound = `the schema of ${database} is what its migrations make`
  say(json, { database, differences }, differences.length === 0 ? [sound] : differences)
  if (differences.length > 0) process.exitCode = 1
}

/** `tony-mcp migrate create`. */
export const migrateCreate = (name: string): void => createMigration(name)
