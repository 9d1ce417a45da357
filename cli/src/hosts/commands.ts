import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { type ServerOptions, withServer } from '../connection.ts'
import { placesHere, programHere } from './here.ts'
import { type Entry, type Host, type HostName, hostNames, hostsOf } from './hosts.ts'
import { type FileOutcome, install, isHere, status, uninstall } from './install.ts'
import type { Drift } from './merge.ts'
import { redacted } from './redact.ts'

interface Chosen {
  readonly client: readonly HostName[]
  readonly all: boolean
  readonly json: boolean
  readonly dryRun?: boolean
}

interface Installing extends Chosen, ServerOptions {
  readonly program?: string
}

const hostName = (word: string, before: readonly HostName[]): HostName[] => {
  const name = hostNames.find((known) => known === word)
  if (!name) throw new InvalidArgumentError(`one of ${hostNames.join(', ')}`)
  return [...before, name]
}

function entryOf({ url, project, tokenFile, program }: Partial<Installing>): Entry {
  return {
    command: program === undefined ? programHere() : [program],
    env: {
      ...(url !== undefined && { TONY_MCP_URL: url }),
      ...(tokenFile !== undefined && { TONY_TOKEN_FILE: resolve(tokenFile) }),
      ...(project !== undefined && { TONY_MCP_PROJECT: project }),
    },
  }
}

/** What was said, and not what is so by default: that is not written. */
const said = (options: Installing, command: Command): Partial<Installing> => {
  const { url, ...others } = options
  return command.getOptionValueSource('url') === 'default' ? others : { ...others, url }
}

/** The hosts that were named, or all, or those that are here. */
function chosen({ client, all }: Chosen, entry: Entry): Host[] {
  const hosts = hostsOf(placesHere(), entry)
  if (all) return hosts
  return client.length > 0 ? hosts.filter(({ name }) => client.includes(name)) : hosts.filter(isHere)
}

const shown = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value))

const safe = (outcome: FileOutcome): FileOutcome => ({
  ...outcome,
  drift: outcome.drift.map(({ at, is, expected }): Drift => {
    const name = at.split('.').at(-1)
    return { at, is: redacted(is, name), expected: redacted(expected, name) }
  }),
})

function print(outcomes: readonly FileOutcome[], hosts: readonly Host[], { json, dryRun }: Chosen): void {
  const safely = outcomes.map(safe)
  if (outcomes.some(({ state }) => state === 'refused')) process.exitCode = 1
  if (json) {
    process.stdout.write(`${JSON.stringify({ dryRun: dryRun ?? false, files: safely })}\n`)
    return
  }
  const lines = safely.flatMap(({ client, path, state, drift, problem }) => [
    `${client.padEnd(12)} ${state.padEnd(10)} ${path}${problem === undefined ? '' : ` ${problem}; it is unchanged`}`,
    ...(state === 'drift'
      ? drift.map(({ at, is, expected }) => `  ${at} is ${shown(is)}, expected ${shown(expected)}`)
      : []),
  ])
  if (hosts.length === 0) lines.push(`no host was found: name one with --client (${hostNames.join(', ')})`)
  if (dryRun) lines.push('dry run: nothing was changed')
  process.stdout.write(`${lines.join('\n')}\n`)
}

function sayNext(outcomes: readonly FileOutcome[], hosts: readonly Host[], { json, dryRun }: Chosen): void {
  if (json || dryRun) return
  const changed = new Set(
    outcomes.filter(({ state }) => /installed|updated|removed/.test(state)).map(({ client }) => client),
  )
  for (const { name, after } of hosts) if (changed.has(name)) process.stderr.write(`${name}: ${after}\n`)
}

const choosing = (command: Command): Command =>
  command
    .option(
      '--client <name>',
      `a host: ${hostNames.join(', ')}; more than once for several. Default: those found`,
      hostName,
      [],
    )
    .option('--all', 'every host there is, found or not', false)
    .option('--json', 'print the outcome as JSON', false)

const entering = (command: Command): Command =>
  withServer(choosing(command)).option('--program <name>', 'what hosts start, instead of this very installation')

/** `tony-mcp mcp install|status|uninstall`. Exit code 1 when a file was refused, or for `status` when one is not as it should be. */
export function addHostCommands(mcp: Command): void {
  entering(mcp.command('install'))
    .description('put this server and its hooks into the configuration of the hosts on this machine')
    .option('--dry-run', 'say what would be done, change nothing', false)
    .action((options: Installing, command: Command) => {
      const hosts = chosen(options, entryOf(said(options, command)))
      const outcomes = install(hosts, options.dryRun ?? false)
      print(outcomes, hosts, options)
      sayNext(outcomes, hosts, options)
    })
  entering(mcp.command('status'))
    .description('say how the configuration of the hosts differs from what install would write')
    .action((options: Installing, command: Command) => {
      const hosts = chosen(options, entryOf(said(options, command)))
      const outcomes = status(hosts)
      print(outcomes, hosts, options)
      if (outcomes.some(({ state }) => state !== 'ok')) process.exitCode = 1
    })
  choosing(mcp.command('uninstall'))
    .description('take out of the configuration of the hosts what install has put in')
    .option('--dry-run', 'say what would be done, change nothing', false)
    .action((options: Chosen) => {
      const hosts = chosen(options, entryOf({}))
      const outcomes = uninstall(hosts, options.dryRun ?? false)
      print(outcomes, hosts, options)
      sayNext(outcomes, hosts, options)
    })
}
