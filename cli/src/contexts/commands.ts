import { resolve } from 'node:path'
import type { Command } from 'commander'
import { CommandError } from '../command-error.ts'
import { variable } from '../environment.ts'
import { usageExitCode } from '../exit-codes.ts'
import { addJsonOption, type JsonOption, pickerOf, printJson } from '../output/json.ts'
import { formatTable } from '../output/table.ts'
import { addServerOptions } from '../server-options.ts'
import { contextsFile, readContexts, requireContext, type SavedContext, writeContexts } from './contexts.ts'
import { type ServerOptions, settingsOf } from './settings.ts'

interface AddOptions {
  readonly url: string
  readonly project?: string
  readonly tokenFile?: string
}

function addContext(name: string, { url, project, tokenFile }: AddOptions): void {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new CommandError(usageExitCode, `--url ${url} is no http or https URL`)
  const contexts = readContexts()
  const context: SavedContext = {
    url,
    ...(project === undefined ? {} : { project }),
    ...(tokenFile === undefined ? {} : { tokenFile: resolve(tokenFile) }),
  }
  writeContexts({
    current: contexts.current ?? name,
    byName: new Map([...contexts.byName, [name, context]]),
  })
  process.stderr.write(`${name} is in ${contextsFile()}${contexts.current === undefined ? ' and in use' : ''}\n`)
}

function useContext(name: string): void {
  const contexts = readContexts()
  requireContext(contexts, name)
  writeContexts({ ...contexts, current: name })
}

function removeContext(name: string): void {
  const contexts = readContexts()
  requireContext(contexts, name)
  const byName = new Map([...contexts.byName].filter(([other]) => other !== name))
  writeContexts({ current: contexts.current === name ? undefined : contexts.current, byName })
}

function listContexts({ json }: { readonly json?: JsonOption }): void {
  const { current, byName } = readContexts()
  const rows = [...byName].map(([name, { url, project = null, tokenFile = null }]) => ({
    name,
    current: name === current,
    url,
    project,
    tokenFile,
  }))
  if (json) return void process.stdout.write(`${JSON.stringify(rows.map(pickerOf(json)))}\n`)
  if (rows.length === 0) return void process.stderr.write('no contexts\n')
  const columns = {
    '': ({ current }: (typeof rows)[number]) => (current ? '*' : ' '),
    name: ({ name }: (typeof rows)[number]) => name,
    url: ({ url }: (typeof rows)[number]) => url,
    project: ({ project }: (typeof rows)[number]) => project,
    'token file': ({ tokenFile }: (typeof rows)[number]) => tokenFile,
  }
  process.stdout.write(`${formatTable(columns, rows).join('\n')}\n`)
}

/** Adds `tony-mcp context`. */
export function addContextCommands(tony: Command): void {
  const context = tony.command('context')
  context
    .command('add <name>')
    .description('save a server under a name; the first one is used at once')
    .requiredOption('--url <url>', 'the server')
    .option('--project <name>', 'the project')
    .option('--token-file <file>', 'the file with the credential; the credential itself is not copied')
    .action(addContext)
  context.command('use <name>').description('let commands call this server').action(useContext)
  addJsonOption(context.command('ls')).description('list the saved servers').action(listContexts)
  context.command('rm <name>').description('forget a saved server').action(removeContext)
}

interface SettingRow {
  readonly setting: string
  readonly value: string | null
  readonly origin: string
}

/** Returns the place that an option of a command has its value from. */
function optionOriginOf(command: Command, option: keyof ServerOptions, variableName: string): string | undefined {
  const source = command.getOptionValueSource(option)
  if (source === 'cli') return `option --${option === 'tokenFile' ? 'token-file' : option}`
  return source === 'env' && variable(variableName) !== undefined ? `variable ${variableName}` : undefined
}

function settingRows(options: ServerOptions, command: Command): SettingRow[] {
  const { url, project, tokenFile, contextTokenFile, context } = settingsOf(options)
  const fromContext = context === undefined ? undefined : `context ${context.name}`
  const fallback = (value: unknown) => (value === undefined ? undefined : fromContext)
  const token = variable('TONY_TOKEN')
  const isOwn = context?.values.url === url
  return [
    {
      setting: 'context',
      value: context?.name ?? null,
      origin: optionOriginOf(command, 'context', 'TONY_MCP_CONTEXT') ?? (context ? contextsFile() : 'default'),
    },
    {
      setting: 'url',
      value: url,
      origin: optionOriginOf(command, 'url', 'TONY_MCP_URL') ?? (isOwn ? fromContext : undefined) ?? 'default',
    },
    {
      setting: 'project',
      value: project ?? null,
      origin: optionOriginOf(command, 'project', 'TONY_MCP_PROJECT') ?? fallback(project) ?? 'default',
    },
    {
      setting: 'token-file',
      value: tokenFile ?? (token === undefined ? contextTokenFile : undefined) ?? null,
      origin:
        optionOriginOf(command, 'tokenFile', 'TONY_TOKEN_FILE') ??
        (token === undefined ? fallback(contextTokenFile) : undefined) ??
        'default',
    },
    {
      setting: 'token',
      value: token === undefined || tokenFile !== undefined ? null : 'set, not shown',
      origin: token === undefined || tokenFile !== undefined ? 'default' : 'variable TONY_TOKEN',
    },
  ]
}

/** Adds `tony-mcp config`. */
export function addConfigCommand(tony: Command): void {
  const config = tony.command('config')
  addJsonOption(addServerOptions(config.command('show')))
    .description(
      'show the settings that a command with these options has; an option goes before its variable, then comes the context',
    )
    .option('--origin', 'tell where each value comes from')
    .action((options: ServerOptions & { origin?: boolean; json?: JsonOption }, command: Command) => {
      const rows = settingRows(options, command)
      if (options.json) {
        const entries = rows.map(({ setting, ...row }) => [setting, options.origin ? row : row.value])
        return printJson(Object.fromEntries(entries), options.json)
      }
      const lines = formatTable<SettingRow>(
        {
          setting: ({ setting }) => setting,
          value: ({ value }) => value,
          ...(options.origin ? { origin: ({ origin }: SettingRow) => origin } : {}),
        },
        rows,
      )
      process.stdout.write(`${lines.join('\n')}\n`)
    })
}
