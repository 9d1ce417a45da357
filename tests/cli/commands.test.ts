import { describe, expect, test } from 'vitest'
import { commandGroups } from '../../cli/src/command-groups.ts'
import { buildProgram } from '../../cli/src/program.ts'

type Command = Awaited<ReturnType<typeof buildProgram>>

const tony = await buildProgram('all')

/** Returns the commands that do something, by their names: `tasks ls`. */
function commandsOf(command: Command, path: readonly string[] = []): [string, Command][] {
  const below = command.commands.flatMap((sub) => commandsOf(sub, [...path, sub.name()]))
  const isGroup = command.commands.length > 0 && command.name() !== 'mcp'
  return isGroup || path.length === 0 ? below : [[path.join(' '), command], ...below]
}

const commands = commandsOf(tony)
const optionsOf = (command: Command): string[] => command.options.map(({ long }) => long ?? '')

/** Commands whose output is for a program or a shell anyway, and commands that print nothing. */
const withoutJson = /^(dev|serve|hook|mcp|completion|run|api|export|plugin .*|context (add|use|rm)|migrate create)$/

describe('every command', () => {
  test('is in the table of commands, with a description', () => {
    expect(tony.commands.map((command) => command.name())).toEqual(commandGroups.map(({ name }) => name))
    expect(commands.filter(([, command]) => command.description() === '').map(([path]) => path)).toEqual([])
  })

  test('that operators and newcomers look for is there', () => {
    const wanted =
      'serve dev demo import export tasks agents messages dlq locks watch explain projects keys backup restore migrate move doctor webhooks completion config context api top'
    expect(commandGroups.map(({ name }) => name)).toEqual(expect.arrayContaining(wanted.split(' ')))
  })

  test('prints JSON on demand, unless its output is for a program', () => {
    const without = commands.filter(
      ([path, command]) => !withoutJson.test(path) && !optionsOf(command).includes('--json'),
    )
    expect(without.map(([path]) => path)).toEqual([])
  })

  test('that calls a server takes a URL, a project, a token file and a context', () => {
    const wanted = ['--url', '--token-file', '--project', '--context']
    const calling = commands.filter(([, command]) => optionsOf(command).includes('--context'))
    expect(calling.length).toBeGreaterThan(40)
    for (const [path, command] of calling)
      expect([path, optionsOf(command)]).toEqual([path, expect.arrayContaining(wanted)])
    for (const noun of ['tasks', 'agents', 'messages', 'dlq', 'locks', 'watch', 'explain', 'projects', 'api', 'top'])
      expect([noun, calling.some(([path]) => path.split(' ')[0] === noun)]).toEqual([noun, true])
  })

  test('that destroys something takes --yes, --dry-run and --confirm', () => {
    const destructive = commands.filter(([, command]) => optionsOf(command).includes('--yes'))
    expect(destructive.map(([path]) => path)).toEqual([
      'tasks cancel',
      'agents rm',
      'dlq purge',
      'keys revoke',
      'keys rotate',
      'webhooks rm',
    ])
    for (const [, command] of destructive)
      expect(optionsOf(command)).toEqual(expect.arrayContaining(['--dry-run', '--confirm']))
  })
})
