import { join } from 'node:path'
import { type HostName, hostNames, hostNextSteps } from '@tony/mcp-shared/hosts'
import { isRecord } from '../is-record.ts'
import type { ConfigEntry, ConfigFormat } from './config-entries.ts'
import { jsoncFormat } from './jsonc.ts'
import { tomlFormat } from './toml.ts'

/** Folders of the hosts' configuration on this machine. */
export interface HostPaths {
  readonly home: string
  /** `CLAUDE_CONFIG_DIR`, or `~/.claude`. */
  readonly claude: string
  /** `.claude.json` in `CLAUDE_CONFIG_DIR`, or in the home folder. */
  readonly claudeState: string
  /** `CODEX_HOME`, or `~/.codex`. */
  readonly codex: string
  /** The folder of the user's profile in VS Code. */
  readonly vscode: string
}

/** The command that a host starts. */
export interface ServerCommand {
  /** The program and its first arguments. `mcp` or `hook …` follows them. */
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

/** A configuration file of a host, with the entries in it that are ours. */
export interface HostFile {
  readonly path: string
  readonly format: ConfigFormat
  readonly entries: readonly ConfigEntry[]
}

export interface Host {
  readonly name: HostName
  /** The host is on this machine if one of these paths exists. */
  readonly markerPaths: readonly string[]
  readonly files: readonly HostFile[]
  /** The step that is left to the user. */
  readonly nextStep: string
}

/**
 * The name of each hook event in each host. At a missing event the host does not show the output of
 * a hook to its model.
 */
const hookEventNames = {
  'claude-code': { 'session-start': 'SessionStart', prompt: 'UserPromptSubmit', tool: 'PostToolUse', stop: 'Stop' },
  codex: { 'session-start': 'SessionStart', prompt: 'UserPromptSubmit', tool: 'PostToolUse', stop: 'Stop' },
  gemini: { 'session-start': 'SessionStart', prompt: 'BeforeAgent', tool: 'AfterTool', stop: 'AfterAgent' },
  cursor: { 'session-start': 'sessionStart', tool: 'postToolUse', stop: 'stop' },
  vscode: { 'session-start': 'SessionStart', tool: 'PostToolUse', stop: 'Stop' },
} as const satisfies Readonly<Record<HostName, Readonly<Record<string, string>>>>

const isServerEntry = (value: unknown): boolean =>
  isRecord(value) && 'command' in value && Array.isArray(value['args']) && value['args'].at(-1) === 'mcp'

const serverEntry = (path: readonly string[], { command, env }: ServerCommand): ConfigEntry => {
  const [program, ...args] = command
  const value = { type: 'stdio', command: program, args: [...args, 'mcp'], ...(Object.keys(env).length > 0 && { env }) }
  return { kind: 'property', path, value, isOurs: isServerEntry }
}

const unquotedWordPattern = /^[\w@%+=:,./\\-]+$/
const quoteWord = (word: string): string => {
  if (unquotedWordPattern.test(word)) return word
  return process.platform === 'win32' ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`
}

/** The host's timeout for a hook, in seconds: far longer than a hook takes. */
const hookSeconds = 10

function hookEntries(host: HostName, { command }: ServerCommand, wrap: (line: string) => unknown): ConfigEntry[] {
  return Object.entries(hookEventNames[host]).map(([point, event]) => {
    const tail = `hook ${point} --host ${host}`
    const value = wrap(`${command.map(quoteWord).join(' ')} ${tail}`)
    const isOurs = (held: unknown) => JSON.stringify(held)?.includes(`${tail}"`) ?? false
    return { kind: 'element', path: ['hooks', event], value, isOurs }
  })
}

const wrapInHookGroup = (timeout: number) => (command: string) => ({ hooks: [{ type: 'command', command, timeout }] })

const constantEntry = (key: string, value: unknown): ConfigEntry => ({
  kind: 'constant',
  path: [key],
  value,
  isOurs: () => false,
})

/** Returns the entry for Codex, which needs no type and has its own timeout for tools. */
function codexServerEntry(server: ServerCommand): ConfigEntry {
  const entry = serverEntry(['mcp_servers', 'tony'], server)
  const { type: _, env, ...value } = isRecord(entry.value) ? entry.value : {}
  // A tool waits up to 45 s, and the default timeout of the host is 60 s.
  return { ...entry, kind: 'block', value: { ...value, tool_timeout_sec: 120, ...(env !== undefined && { env }) } }
}

type HostFactory = (paths: HostPaths, server: ServerCommand) => Omit<Host, 'name' | 'nextStep'>

const hostFactories: Readonly<Record<HostName, HostFactory>> = {
  'claude-code': ({ claude, claudeState }, server) => ({
    markerPaths: [claude, claudeState],
    files: [
      { path: claudeState, format: jsoncFormat, entries: [serverEntry(['mcpServers', 'tony'], server)] },
      {
        path: join(claude, 'settings.json'),
        format: jsoncFormat,
        entries: hookEntries('claude-code', server, wrapInHookGroup(hookSeconds)),
      },
    ],
  }),
  codex: ({ codex }, server) => ({
    markerPaths: [codex],
    files: [
      { path: join(codex, 'config.toml'), format: tomlFormat, entries: [codexServerEntry(server)] },
      {
        path: join(codex, 'hooks.json'),
        format: jsoncFormat,
        entries: hookEntries('codex', server, wrapInHookGroup(hookSeconds)),
      },
    ],
  }),
  cursor: ({ home }, server) => ({
    markerPaths: [join(home, '.cursor')],
    files: [
      {
        path: join(home, '.cursor', 'mcp.json'),
        format: jsoncFormat,
        entries: [serverEntry(['mcpServers', 'tony'], server)],
      },
      {
        path: join(home, '.cursor', 'hooks.json'),
        format: jsoncFormat,
        entries: [
          constantEntry('version', 1),
          ...hookEntries('cursor', server, (command) => ({ command, timeout: hookSeconds })),
        ],
      },
    ],
  }),
  gemini: ({ home }, server) => ({
    markerPaths: [join(home, '.gemini')],
    files: [
      {
        path: join(home, '.gemini', 'settings.json'),
        format: jsoncFormat,
        entries: [
          // Gemini uses `url` for SSE and `httpUrl` for HTTP. A command needs neither of them, and
          // no type.
          toGeminiServerEntry(serverEntry(['mcpServers', 'tony'], server)),
          // Gemini counts in milliseconds.
          ...hookEntries('gemini', server, wrapInHookGroup(hookSeconds * 1_000)),
        ],
      },
    ],
  }),
  vscode: ({ home, vscode }, server) => ({
    markerPaths: [vscode],
    files: [
      { path: join(vscode, 'mcp.json'), format: jsoncFormat, entries: [serverEntry(['servers', 'tony'], server)] },
      {
        path: join(home, '.copilot', 'hooks', 'tony-mcp.json'),
        format: jsoncFormat,
        entries: [
          constantEntry('version', 1),
          ...hookEntries('vscode', server, (command) => ({ type: 'command', command, timeout: hookSeconds })),
        ],
      },
    ],
  }),
}

function toGeminiServerEntry(entry: ConfigEntry): ConfigEntry {
  const { type: _, ...value } = isRecord(entry.value) ? entry.value : {}
  return { ...entry, value }
}

export const hostsOf = (paths: HostPaths, server: ServerCommand): Host[] =>
  hostNames.map((name) => ({ name, nextStep: hostNextSteps[name], ...hostFactories[name](paths, server) }))
