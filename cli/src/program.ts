import { Command, CommanderError } from 'commander'
import { addCompletionCommand } from './completion.ts'
import { addServerOptions, isStdioServer } from './connection.ts'
import { addDatabaseCommands } from './database-commands.ts'
import { errorMessageOf, exitCodeOf, exitCodesText, usageExitCode } from './exit-code.ts'
import { addHookCommand } from './hook.ts'
import { addHostCommands } from './hosts/commands.ts'
import { type ImportOptions, importCommand } from './import.ts'
import { addPluginCommands } from './plugin/commands.ts'
import { addProjectCommands } from './projects.ts'
import { addRunCommand } from './run/command.ts'
import { readVersion } from './version.ts'
import { addWaitCommand } from './wait.ts'

function program(): Command {
  const tony = new Command('tony-mcp')
    .description('The Tony MCP server and its tools')
    .version(readVersion())
    .addHelpText('after', `\n${exitCodesText}`)
    // Commands inherit it, so it comes before them.
    .exitOverride()
  const serverOf = async (mode: 'dev' | 'serve') => {
    // Only the commands that run a server load its database driver.
    const { main } = await import('@tony/mcp-server/main')
    await main(mode)
  }
  tony
    .command('serve')
    .description('run the server (configured by the environment: MCP_PORT, DATABASE_PATH, …)')
    .action(() => serverOf('serve'))
  tony
    .command('dev')
    .description('run the server for this machine only: callers on it need no credential')
    .action(() => serverOf('dev'))
  const mcp = tony
    .command('mcp')
    .description('serve one coding agent on standard input and output (configured by the environment: TONY_MCP_URL, …)')
    .action(async () => (await import('@tony/mcp-bridge/stdio')).serveHost())
  addHostCommands(mcp)
  addHookCommand(tony)
  addServerOptions(tony.command('import <file>'))
    .description(
      'import a plan into a project: beads issues, a Task Master file or Tony ATHMS tasks; - is standard input',
    )
    .option('--replay', 'set finished work back to pending; skip tombstones and what is not work', false)
    .option('--strict', 'refuse edges to ids that the file does not hold', false)
    .option('--skip-bad', 'leave out records with problems', false)
    .option('--dry-run', 'read and check the plan, change nothing', false)
    .option('--json', 'print the outcome as JSON', false)
    .action((file: string, options: ImportOptions) => importCommand(file, options))
  addWaitCommand(tony)
  addRunCommand(tony)
  addDatabaseCommands(tony)
  addPluginCommands(tony)
  addProjectCommands(tony)
  addCompletionCommand(tony)
  return tony
}

/** Runs one command. An error becomes one line on standard error and an exit code for its kind. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(isStdioServer(argv) ? [...argv, 'mcp'] : argv)
  } catch (error) {
    // Commander has printed the help, the version or the fault of the arguments.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : usageExitCode
      return
    }
    process.stderr.write(`${errorMessageOf(error)}\n`)
    process.exitCode = exitCodeOf(error)
  }
}
