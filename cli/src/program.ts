import { Command, CommanderError } from 'commander'
import { commandGroups } from './command-groups.ts'
import { variable } from './environment.ts'
import { exitCodesText, usageExitCode } from './exit-codes.ts'
import { readVersion } from './version.ts'

/**
 * Builds the program with the code of the named commands, or of all. The others have only their
 * names and descriptions, so that the start of a command does not load what it does not use.
 */
export async function buildProgram(names: readonly string[] | 'all'): Promise<Command> {
  const tony = new Command('tony-mcp')
    .description('The Tony MCP server and its tools')
    .version(readVersion())
    .addHelpText('after', `\n${exitCodesText}`)
    // Commands inherit it, so it comes before them.
    .exitOverride()
    // For `api`, whose own options follow the name of a procedure.
    .enablePositionalOptions()
  const find = (wanted: string) => tony.commands.find((command) => command.name() === wanted)
  // First, because one loader may add several commands, of which others are not named.
  for (const { name, load } of commandGroups)
    if ((names === 'all' || names.includes(name)) && !find(name)) await (await load())(tony)
  for (const { name, description } of commandGroups) {
    const command = find(name) ?? tony.command(name)
    command.description(description)
  }
  return tony
}

/** Commands that describe all the others. */
const describingCommands: ReadonlySet<string> = new Set(['completion'])

/** Returns the names of the commands that the arguments may mean. */
function namedCommandsOf(argv: readonly string[]): readonly string[] | 'all' {
  const words = argv.slice(2).filter((word) => !word.startsWith('-'))
  return words.slice(0, 2).some((word) => describingCommands.has(word)) ? 'all' : words.slice(0, 2)
}

/**
 * True if a configuration of Tony 2.8 starts this program: `main.js` without a command, with
 * `MCP_TRANSPORT=stdio`. The host then speaks MCP on standard input and output.
 */
const isStdioServer = (argv: readonly string[]): boolean => argv.length <= 2 && variable('MCP_TRANSPORT') === 'stdio'

/** Runs one command. An error becomes one line on standard error and an exit code for its kind. */
export async function runProgram(given: readonly string[]): Promise<void> {
  const argv = isStdioServer(given) ? [...given, 'mcp'] : given
  try {
    const tony = await buildProgram(namedCommandsOf(argv))
    await tony.parseAsync(argv)
  } catch (error) {
    // Commander has printed the help, the version or the fault of the arguments.
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : usageExitCode
      return
    }
    const { errorMessageOf, exitCodeOf } = await import('./exit-code.ts')
    process.stderr.write(`${errorMessageOf(error)}\n`)
    process.exitCode = exitCodeOf(error)
  }
}
