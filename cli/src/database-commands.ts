import { duration } from '@tony/mcp-shared/durations'
import { type Command, InvalidArgumentError } from 'commander'
import type { BackupOptions, DatabaseOptions } from './backup.ts'
import type { RotateOptions } from './keys.ts'
import type { MoveOptions } from './move.ts'
import { addConfirmOptions } from './verbs/confirmation.ts'

const parseIntervalMs = (text: string): number => {
  const parsed = duration.safeParse(text)
  if (!parsed.success || parsed.data === 0) throw new InvalidArgumentError('must be a duration such as 15m, 1h or 1d')
  return parsed.data
}

const parseCount = (text: string): number => {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('must be a whole number of at least 1')
  return Number(text)
}

const addDatabaseOptions = (command: Command): Command =>
  command
    .option('--db-path <file>', 'the database (default: DATABASE_PATH, as for the server)')
    .option('--json', 'print the outcome as JSON', false)

/**
 * Adds the commands for the database. Each imports its code on use, because only they load the
 * database driver.
 */
export function addDatabaseCommands(tony: Command): void {
  addDatabaseOptions(tony.command('backup'))
    .option('--to <dir>', 'the folder (default: MCP_BACKUP_DIR)')
    .option('--every <time>', 'go on until stopped, one each 15m, 1h, 1d …', parseIntervalMs)
    .option('--keep <n>', 'keep only the newest <n> backups', parseCount)
    .action(async (options: BackupOptions) => (await import('./backup.ts')).backupCommand(options))
  addDatabaseOptions(tony.command('verify <file>')).action(async (file: string, options: DatabaseOptions) =>
    (await import('./backup.ts')).verifyCommand(file, options),
  )
  addDatabaseOptions(tony.command('restore <file>')).action(async (file: string, options: DatabaseOptions) =>
    (await import('./backup.ts')).restoreCommand(file, options),
  )
  addDatabaseOptions(tony.command('move'))
    .requiredOption('--to <url>', 'postgres://USER:PASSWORD@HOST/DATABASE')
    .option('--project <name>', 'one project instead of all')
    .action(async (options: MoveOptions) => (await import('./move.ts')).moveCommand(options))
  const migrate = tony.command('migrate')
  addDatabaseOptions(migrate.command('up'))
    .description('bring it to the newest, creating the database when it is missing')
    .action(async (options: DatabaseOptions) => (await import('./migrate.ts')).migrateUp(options))
  addDatabaseOptions(migrate.command('status'))
    .description('list the migrations; exit code 1 when some are still to be applied')
    .action(async (options: DatabaseOptions) => (await import('./migrate.ts')).migrateStatus(options))
  addDatabaseOptions(migrate.command('validate'))
    .description('compare the schema with the result of its migrations; exit code 1 if they differ')
    .action(async (options: DatabaseOptions) => (await import('./migrate.ts')).migrateValidate(options))
  migrate
    .command('create <name>')
    .description('in the sources: write the next migration of both engines from the tables')
    .action(async (name: string) => (await import('./migrate.ts')).migrateCreate(name))
  addDatabaseOptions(tony.command('doctor')).action(async (options: DatabaseOptions) =>
    (await import('./doctor.ts')).doctorCommand(options),
  )
}

/** Adds `tony-mcp keys rotate`, which needs no server. */
export function addRotateCommand(keys: Command): void {
  addConfirmOptions(addDatabaseOptions(keys.command('rotate')))
    .description('add a signing key; a running server loads it within a second, and old tokens stay valid')
    .option('--in <time>', 'when it begins to sign (default: 1d, so that others have its public half)', parseIntervalMs)
    .option('--now', 'let it sign as soon as every replica has it: in 5 s', false)
    .option(
      '--revoke',
      'end all other keys at once, and with them every access token; asks for --yes or --confirm',
      false,
    )
    .action(async (options: RotateOptions) => (await import('./keys.ts')).rotateCommand(options))
}
