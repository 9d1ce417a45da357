import { duration } from '@tony/mcp-shared/durations'
import { type Command, InvalidArgumentError } from 'commander'
import type { BackupOptions, DatabaseOptions } from './backup.ts'
import type { RotateOptions } from './keys.ts'
import type { MoveOptions } from './move.ts'

const parseIntervalMs = (text: string): number => {
  const parsed = duration.safeParse(text)
  if (!parsed.success || parsed.data === 0) throw new InvalidArgumentError('such as 15m, 1h or 1d')
  return parsed.data
}

const parseCount = (text: string): number => {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('a number from 1')
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
export function addDataCommands(tony: Command): void {
  addDatabaseOptions(tony.command('backup'))
    .description('write a proven copy of the database, which a server may be using')
    .option('--to <dir>', 'the folder (default: MCP_BACKUP_DIR)')
    .option('--every <time>', 'go on until stopped, one each 15m, 1h, 1d …', parseIntervalMs)
    .option('--keep <n>', 'remove the oldest beyond so many', parseCount)
    .action(async (options: BackupOptions) => (await import('./backup.ts')).backupCommand(options))
  addDatabaseOptions(tony.command('verify <file>'))
    .description('prove that a backup is whole, unchanged, sound and of this program')
    .action(async (file: string, options: DatabaseOptions) =>
      (await import('./backup.ts')).verifyCommand(file, options),
    )
  addDatabaseOptions(tony.command('restore <file>'))
    .description('put a backup in the place of the database; what was there is kept beside it')
    .action(async (file: string, options: DatabaseOptions) =>
      (await import('./backup.ts')).restoreCommand(file, options),
    )
  addDatabaseOptions(tony.command('move'))
    .description(
      'copy the projects of a SQLite file with their history to a PostgreSQL, and prove it; goes on where it was killed',
    )
    .requiredOption('--to <url>', 'postgres://USER:PASSWORD@HOST/DATABASE')
    .option('--project <name>', 'one project instead of all')
    .action(async (options: MoveOptions) => (await import('./move.ts')).moveCommand(options))
  const migrate = tony.command('migrate').description('the schema of the database')
  addDatabaseOptions(migrate.command('up'))
    .description('bring it to the newest, creating the database when it is missing')
    .action(async (options: DatabaseOptions) => (await import('./migrate.ts')).migrateUp(options))
  addDatabaseOptions(migrate.command('status'))
    .description('list the migrations; exit code 1 when some are still to be applied')
    .action(async (options: DatabaseOptions) => (await import('./migrate.ts')).migrateStatus(options))
  addDatabaseOptions(migrate.command('validate'))
    .description('compare it with what its migrations make; exit code 1 when it differs')
    .action(async (options: DatabaseOptions) => (await import('./migrate.ts')).migrateValidate(options))
  migrate
    .command('create <name>')
    .description('in the sources: write the next migration of both engines from the tables')
    .action(async (name: string) => (await import('./migrate.ts')).migrateCreate(name))
  const keys = tony.command('keys').description('the keys that access tokens are signed with')
  addDatabaseOptions(keys.command('rotate'))
    .description('make the next one; a running server has it within a second, and old tokens stay good')
    .option('--in <time>', 'when it begins to sign (default: 1d, so that others have its public half)', parseIntervalMs)
    .option('--now', 'let it sign as soon as every replica has it: in 5 s', false)
    .option('--revoke', 'end all other keys at once, and with them every access token', false)
    .action(async (options: RotateOptions) => (await import('./keys.ts')).rotateCommand(options))
  addDatabaseOptions(tony.command('doctor'))
    .description('examine the database and what is around it; exit code 1 when something is wrong')
    .action(async (options: DatabaseOptions) => (await import('./doctor.ts')).doctorCommand(options))
}
