import { resolve } from 'node:path'
import { type HostName, hostNames } from '@tony/mcp-shared/hosts'
import { type Command, InvalidArgumentError } from 'commander'
import type { ServerOptions } from '../contexts/settings.ts'
import { addServerOptions } from '../server-options.ts'
import { currentProgramCommand, findHostPaths } from './host-paths.ts'
import { type Host, hostsOf, type ServerCommand } from './hosts.ts'
import { type FileOutcome, hostFileStates, installInHosts, isHostPresent, uninstallFromHosts } from './install.ts'
import type { Drift } from './merge.ts'
import { redact } from './redact.ts'

interface HostSelection {
  readonly client: readonly HostName[]
  readonly all: boolean
  readonly json: boolean
  readonly dryRun?: boolean
}

interface InstallOptions extends HostSelection, ServerOptions {
  readonly program?: string
}

const parseHostName = (word: string, before: readonly HostName[]): HostName[] => {
  const name = hostNames.find((known) => known === word)
  if (!name) throw new InvalidArgumentError(`one of ${hostNames.join(', ')}`)
  return [...before, name]
}

function serverCommandOf({ url, project, tokenFile, program }: Partial<InstallOptions>): ServerCommand {
  return {
    command: program === undefined ? currentProgramCommand() : [program],
    env: {
      ...(url !== undefined && { TONY_MCP_URL: url }),
      ...(tokenFile !== undefined && { TONY_TOKEN_FILE: resolve(tokenFile) }),
      ...(project !== undefined && { TONY_MCP_PROJECT: project }),
    },
  }
}

/** Returns the named hosts, all hosts, or the hosts found on this machine. */
function selectHosts({ client, all }: HostSelection, command: ServerCommand): Host[] {
  const hosts = hostsOf(findHostPaths(), command)
  if (all) return hosts
  return client.length > 0 ? hosts.filter(({ name }) => client.includes(name)) : hosts.filter(isHostPresent)
}

const formatValue = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value))

const redactOutcome = (outcome: FileOutcome): FileOutcome => ({
  ...outcome,
  drift: outcome.drift.map(({ at, is, expected }): Drift => {
    const name = at.split('.').at(-1)
    return { at, is: redact(is, name), expected: redact(expected, name) }
  }),
})

function printOutcomes(
  outcomes: readonly FileOutcome[],
  hosts: readonly Host[],
  { json, dryRun }: HostSelection,
): void {
  const safely = outcomes.map(redactOutcome)
  if (outcomes.some(({ state }) => state === 'refused')) process.exitCode = 1
  if (json) {
    process.stdout.write(`${JSON.stringify({ dryRun: dryRun ?? false, files: safely })}\n`)
    return
  }
  const lines = safely.flatMap(({ client, path, state, drift, problem }) => [
    `${client.padEnd(12)} ${state.padEnd(10)} ${path}${problem === undefined ? '' : ` ${problem}; it is unchanged`}`,
    ...(state === 'drift'
      ? drift.map(({ at, is, expected }) => `  ${at} is ${formatValue(is)}, expected ${formatValue(expected)}`)
      : []),
  ])
  if (hosts.length === 0) lines.push(`no host was found: name one with --client (${hostNames.join(', ')})`)
  if (dryRun) lines.push('dry run: nothing was changed')
  process.stdout.write(`${lines.join('\n')}\n`)
}

function printNextSteps(
  outcomes: readonly FileOutcome[],
  hosts: readonly Host[],
  { json, dryRun }: HostSelection,
): void {
  if (json || dryRun) return
  const changed = new Set(
    outcomes.filter(({ state }) => /installed|updated|removed/.test(state)).map(({ client }) => client),
  )
  for (const { name, nextStep } of hosts) if (changed.has(name)) process.stderr.write(`${name}: ${nextStep}\n`)
}

const addSelectionOptions = (command: Command): Command =>
  command
    .option(
      '--client <name>',
      `a host: ${hostNames.join(', ')}; more than once for several. Default: those found`,
      parseHostName,
      [],
    )
    .option('--all', 'every host there is, found or not', false)
    .option('--json', 'print the outcome as JSON', false)

const addInstallOptions = (command: Command): Command =>
  addServerOptions(addSelectionOptions(command)).option(
    '--program <name>',
    'the program that hosts start; default: this installation',
  )

/**
 * `tony-mcp mcp install|status|uninstall`. Exits with 1 if a file was refused, or in `status` if a
 * file differs from the output of `install`.
 */
export function addHostCommands(mcp: Command): void {
  addInstallOptions(mcp.command('install'))
    .description('put this server and its hooks into the configuration of the hosts on this machine')
    .option('--dry-run', 'print the changes without making them', false)
    .action((options: InstallOptions) => {
      const hosts = selectHosts(options, serverCommandOf(options))
      const outcomes = installInHosts(hosts, options.dryRun ?? false)
      printOutcomes(outcomes, hosts, options)
      printNextSteps(outcomes, hosts, options)
    })
  addInstallOptions(mcp.command('status'))
    .description('compare the configuration of the hosts with the output of install')
    .action((options: InstallOptions) => {
      const hosts = selectHosts(options, serverCommandOf(options))
      const outcomes = hostFileStates(hosts)
      printOutcomes(outcomes, hosts, options)
      if (outcomes.some(({ state }) => state !== 'ok')) process.exitCode = 1
    })
  addSelectionOptions(mcp.command('uninstall'))
    .description('remove everything that install added to the configuration of the hosts')
    .option('--dry-run', 'print the changes without making them', false)
    .action((options: HostSelection) => {
      const hosts = selectHosts(options, serverCommandOf({}))
      const outcomes = uninstallFromHosts(hosts, options.dryRun ?? false)
      printOutcomes(outcomes, hosts, options)
      printNextSteps(outcomes, hosts, options)
    })
}
