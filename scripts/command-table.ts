import { buildProgram } from '../cli/src/program.ts'

type Command = Awaited<ReturnType<typeof buildProgram>>

/** Options of every command that calls a server. The page describes them once. */
const commonOptions: ReadonlySet<string> = new Set([
  '--url',
  '--token-file',
  '--project',
  '--context',
  '--json',
  '--limit',
  '--all',
  '--yes',
  '--dry-run',
  '--confirm',
])

/** Returns a cell of a table in Markdown. */
const cellOf = (text: string): string => text.replaceAll('|', '\\|')

function rowsOf(command: Command, path: string): string[] {
  const name = `${path} ${command.name()}`.trim()
  const below = command.commands.flatMap((sub) => rowsOf(sub, name))
  const isGroup = command.commands.length > 0 && command.name() !== 'mcp'
  if (isGroup) return below
  const usage = command.usage().replace(/^\[options\] ?(\[command\])? ?/, '')
  const options = command.options.flatMap(({ long }) => (long && !commonOptions.has(long) ? [`\`${long}\``] : []))
  const title = `\`${name}${usage === '' ? '' : ` ${usage}`}\``
  return [`| ${cellOf(title)} | ${cellOf(command.description())} | ${options.join(' ')} |`, ...below]
}

/** Returns a table of all commands with their options, in Markdown. */
export async function commandTable(): Promise<string> {
  const tony = await buildProgram('all')
  const rows = tony.commands.flatMap((command) => rowsOf(command, ''))
  return ['| command | effect | its own options |', '| --- | --- | --- |', ...rows].join('\n')
}
