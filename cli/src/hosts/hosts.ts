import { join } from 'node:path'
import { isRecord } from '../is-record.ts'
import { jsoncFormat } from './jsonc.ts'
import type { Format, Slot } from './slots.ts'
import { tomlFormat } from './toml.ts'

export const hostNames = ['claude-code', 'codex', 'cursor', 'gemini', 'vscode'] as const
export type HostName = (typeof hostNames)[number]

/** Folders of the hosts' configuration on this machine. */
export interface HostPaths {
  readonly home: string
  /** `CODEX_HOME`, or `~/.codex`. */
  readonly codex: string
  /** The folder of the user's profile in VS Code. */
  readonly vscode: string
}

/** The command that a host starts. */
export interface ServerEntry {
  /** The program and its first arguments. `mcp` or `hook …` follows them. */
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

/** A configuration file of a host, with the slots in it that are ours. */
export interface HostFile {
  readonly path: string
  readonly format: Format
  readonly slots: readonly Slot[]
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

const isServer = (value: unknown): boolean =>
  isRecord(value) && 'command' in value && Array.isArray(value['args']) && value['args'].at(-1) === 'mcp'

const serverSlot = (path: readonly string[], { command, env }: ServerEntry): Slot => {
  const [program, ...args] = command
  const value = { type: 'stdio', command: program, args: [...args, 'mcp'], ...(Object.keys(env).length > 0 && { env }) }
  return { kind: 'property', path, value, isOurs: isServer }
}

const unquotedWord = /^[\w@%+=:,./\\-]+$/
const quoteWord = (word: string): string => {
  if (unquotedWord.test(word)) return word
  return process.platform === 'win32' ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`
}

/** The host's timeout for a hook, in seconds: far longer than a hook takes. */
const hookSeconds = 10

function hookSlots(host: HostName, { command }: ServerEntry, wrap: (line: string) => unknown): Slot[] {
  return Object.entries(hookEventNames[host]).map(([point, event]) => {
    const tail = `hook ${point} --host ${host}`
    const value = wrap(`${command.map(quoteWord).join(' ')} ${tail}`)
    const isOurs = (held: unknown) => JSON.stringify(held)?.includes(`${tail}"`) ?? false
    return { kind: 'element', path: ['hooks', event], value, isOurs }
  })
}

const wrapInHookGroup = (timeout: number) => (command: string) => ({ hooks: [{ type: 'command', command, timeout }] })

const constantSlot = (key: string, value: unknown): Slot => ({
  kind: 'constant',
  path: [key],
  value,
  isOurs: () => false,
})

/** Returns the slot for Codex, which needs no type and has its own timeout for tools. */
function codexServerSlot(entry: ServerEntry): Slot {
  const slot = serverSlot(['mcp_servers', 'tony'], entry)
  const { type: _, env, ...value } = isRecord(slot.value) ? slot.value : {}
  // A tool waits up to 45 s, and the default timeout of the host is 60 s.
  return { ...slot, kind: 'block', value: { ...value, tool_timeout_sec: 120, ...(env !== undefined && { env }) } }
}

type HostFactory = (paths: HostPaths, entry: ServerEntry) => Omit<Host, 'name'>

const restart = 'restart it, or reload its window'

const hostFactories: Readonly<Record<HostName, HostFactory>> = {
  'claude-code': ({ home }, entry) => ({
    markerPaths: [join(home, '.claude'), join(home, '.claude.json')],
    files: [
      { path: join(home, '.claude.json'), format: jsoncFormat, slots: [serverSlot(['mcpServers', 'tony'], entry)] },
      {
        path: join(home, '.claude', 'settings.json'),
        format: jsoncFormat,
        slots: hookSlots('claude-code', entry, wrapInHookGroup(hookSeconds)),
      },
    ],
    nextStep: restart,
  }),
  codex: ({ codex }, entry) => ({
    markerPaths: [codex],
    files: [
      { path: join(codex, 'config.toml'), format: tomlFormat, slots: [codexServerSlot(entry)] },
      {
        path: join(codex, 'hooks.json'),
        format: jsoncFormat,
        slots: hookSlots('codex', entry, wrapInHookGroup(hookSeconds)),
      },
    ],
    nextStep: `${restart}, then trust the new hooks with /hooks: until then Codex ignores them`,
  }),
  cursor: ({ home }, entry) => ({
    markerPaths: [join(home, '.cursor')],
    files: [
      {
        path: join(home, '.cursor', 'mcp.json'),
        format: jsoncFormat,
        slots: [serverSlot(['mcpServers', 'tony'], entry)],
      },
      {
        path: join(home, '.cursor', 'hooks.json'),
        format: jsoncFormat,
        slots: [
          constantSlot('version', 1),
          ...hookSlots('cursor', entry, (command) => ({ command, timeout: hookSeconds })),
        ],
      },
    ],
    nextStep: restart,
  }),
  gemini: ({ home }, entry) => ({
    markerPaths: [join(home, '.gemini')],
    files: [
      {
        path: join(home, '.gemini', 'settings.json'),
        format: jsoncFormat,
        slots: [
          // Gemini uses `url` for SSE and `httpUrl` for HTTP. A command needs neither of them, and
          // no type.
          toGeminiServerSlot(serverSlot(['mcpServers', 'tony'], entry)),
          // Gemini counts in milliseconds.
          ...hookSlots('gemini', entry, wrapInHookGroup(hookSeconds * 1_000)),
        ],
      },
    ],
    nextStep: restart,
  }),
  vscode: ({ home, vscode }, entry) => ({
    markerPaths: [vscode],
    files: [
      { path: join(vscode, 'mcp.json'), format: jsoncFormat, slots: [serverSlot(['servers', 'tony'], entry)] },
      {
        path: join(home, '.copilot', 'hooks', 'tony-mcp.json'),
        format: jsoncFormat,
        slots: [
          constantSlot('version', 1),
          ...hookSlots('vscode', entry, (command) => ({ type: 'command', command, timeout: hookSeconds })),
        ],
      },
    ],
    nextStep: restart,
  }),
}

function toGeminiServerSlot(slot: Slot): Slot {
  const { type: _, ...value } = isRecord(slot.value) ? slot.value : {}
  return { ...slot, value }
}

export const hostsOf = (paths: HostPaths, entry: ServerEntry): Host[] =>
  hostNames.map((name) => ({ name, ...hostFactories[name](paths, entry) }))
