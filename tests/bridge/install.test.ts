import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type HostName, hostNames } from '@tony/mcp-shared/hosts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Host, type HostFile, hostsOf } from '../../cli/src/hosts/hosts.ts'
import { hostFileStates, installInHosts, uninstallFromHosts } from '../../cli/src/hosts/install.ts'

const entry = {
  command: ['/usr/bin/node', '/opt/tony/main.js'] as [string, string],
  env: { TONY_MCP_URL: 'http://t:1' },
}

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tony-hosts-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const placed = () => ({
  home,
  claude: join(home, '.claude'),
  claudeState: join(home, '.claude.json'),
  codex: join(home, '.codex'),
  vscode: join(home, 'Code', 'User'),
})

function hostCalled(name: HostName, given = entry): Host {
  const host = hostsOf(placed(), given).find((one) => one.name === name)
  if (!host) throw new Error(name)
  return host
}

const isToml = ({ path }: HostFile): boolean => path.endsWith('.toml')
const serversKey = (name: HostName): string => (name === 'vscode' ? 'servers' : 'mcpServers')

/** The contents that a file may have before the installation: by name, as JSON and as TOML. */
const contents = (name: HostName) => ({
  empty: { json: '', toml: '' },
  'an empty object': { json: '{}', toml: '\n' },
  'an empty object over two lines': { json: '{\n}\n', toml: '# nothing\n' },
  'empty containers': { json: `{ "${serversKey(name)}": {}, "hooks": {} }\n`, toml: '[mcp_servers]\n' },
  'no line end': { json: '{"theme":"dark"}', toml: 'model = "o"' },
  'foreign entries': {
    json: JSON.stringify(
      {
        theme: 'dark',
        [serversKey(name)]: { github: { command: 'gh', args: ['mcp'] } },
        hooks: Object.fromEntries(
          ['SessionStart', 'PostToolUse', 'stop', 'AfterTool'].map((event) => [event, [{ hooks: [{ command: 'x' }] }]]),
        ),
      },
      undefined,
      4,
    ),
    toml: 'model = "o"\n\n[mcp_servers.github]\ncommand = "gh"\nargs = [ "mcp" ] # mine\n',
  },
  comments: {
    json: `// of mine\r\n{\r\n\t"theme": "dark", // night\r\n\t"${serversKey(name)}": { // servers\r\n\t\t/* one */ "github": { "command": "gh" }, // last\r\n\t},\r\n}\r\n`,
    toml: '# of mine\r\nmodel = "o" # night\r\n',
  },
  'a mark at its beginning': { json: '\uFEFF{ "a": 1 }\n', toml: 'a = 1' },
})
const cases = Object.keys(contents('cursor')) as (keyof ReturnType<typeof contents>)[]

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const textOf = (path: string): string => readFileSync(path, 'utf8')
const statesOf = (outcomes: readonly { state: string }[]): string[] => [...new Set(outcomes.map(({ state }) => state))]
/** True if every character of `before` is in `after`, in the same order. */
function keeps(before: string, after: string): boolean {
  let at = -1
  return [...before].every((character) => {
    at = after.indexOf(character, at + 1)
    return at >= 0
  })
}

describe.each(hostNames)('%s', (name) => {
  test.each(cases)('in files with %s is installed, is reported as installed, and is removed to the byte', (which) => {
    const host = hostCalled(name)
    const before = new Map(host.files.map((file) => [file.path, contents(name)[which][isToml(file) ? 'toml' : 'json']]))
    for (const [path, text] of before) put(path, text)
    expect(statesOf(hostFileStates([host]))).toEqual(['absent'])
    expect(statesOf(installInHosts([host], false))).toEqual(['installed'])
    expect(statesOf(hostFileStates([host]))).toEqual(['ok'])
    for (const [path, text] of before) expect(keeps(text, textOf(path)), textOf(path)).toBe(true)
    const installed = host.files.map(({ path }) => textOf(path))
    expect(statesOf(installInHosts([host], false))).toEqual(['unchanged'])
    expect(host.files.map(({ path }) => textOf(path))).toEqual(installed)
    expect(statesOf(uninstallFromHosts([host], false))).toEqual(['removed'])
    for (const [path, text] of before) expect(textOf(path)).toBe(text)
    expect(readdirSync(home, { recursive: true }).filter((path) => String(path).includes('tony-mcp.new'))).toEqual([])
  })

  test('without files of its own gets them and loses them again', () => {
    const host = hostCalled(name)
    installInHosts([host], false)
    expect(host.files.every(({ path }) => existsSync(path))).toBe(true)
    expect(statesOf(hostFileStates([host]))).toEqual(['ok'])
    uninstallFromHosts([host], false)
    expect(host.files.some(({ path }) => existsSync(path))).toBe(false)
  })

  test('with a broken file is refused with its name, and no file of it is changed', () => {
    const host = hostCalled(name)
    for (const file of host.files) put(file.path, isToml(file) ? 'a = "b\n' : '{ "a": ')
    for (const outcome of installInHosts([host], false)) {
      expect(outcome).toMatchObject({ state: 'refused', problem: expect.stringContaining('is broken') })
    }
    for (const file of host.files) expect(textOf(file.path)).toBe(isToml(file) ? 'a = "b\n' : '{ "a": ')
    const [first, second] = host.files
    if (!second || !first) return
    put(first.path, '')
    expect(installInHosts([host], false).map(({ state }) => state)).toEqual(['skipped', 'refused'])
    expect(textOf(first.path)).toBe('')
  })

  test('keeps later changes of others, and removes only its own entries', () => {
    const host = hostCalled(name)
    for (const file of host.files) put(file.path, isToml(file) ? 'a = 1\n' : '{\n  "a": 1 // one\n}\n')
    installInHosts([host], false)
    for (const file of host.files) {
      const text = textOf(file.path)
      writeFileSync(file.path, isToml(file) ? `${text}[b]\n# two\n` : text.replace('// one', ', "b": [ 2 ] // two'))
    }
    expect(statesOf(hostFileStates([host]))).toEqual(['ok'])
    uninstallFromHosts([host], false)
    for (const file of host.files) {
      expect(textOf(file.path)).toBe(isToml(file) ? 'a = 1\n[b]\n# two\n' : '{\n  "a": 1 , "b": [ 2 ] // two\n}\n')
    }
  })

  test('that was installed from another path is updated, and still removed to the byte', () => {
    const old = hostCalled(name, {
      ...entry,
      env: { TONY_MCP_URL: 'http://old:1' },
      command: ['/old/node', '/old/x.js'],
    })
    for (const file of old.files) put(file.path, isToml(file) ? 'a = 1' : '{"a":[1,\n2]}')
    installInHosts([old], false)
    const host = hostCalled(name)
    expect(statesOf(hostFileStates([host]))).toEqual(['drift'])
    expect(statesOf(installInHosts([host], false))).toEqual(['updated'])
    expect(statesOf(hostFileStates([host]))).toEqual(['ok'])
    for (const { path } of host.files) expect(textOf(path)).not.toContain('/old/')
    uninstallFromHosts([host], false)
    for (const file of host.files) expect(textOf(file.path)).toBe(isToml(file) ? 'a = 1' : '{"a":[1,\n2]}')
  })

  test('is not changed by a dry run', () => {
    const host = hostCalled(name)
    expect(statesOf(installInHosts([host], true))).toEqual(['installed'])
    expect(readdirSync(home)).toEqual([])
  })

  test('with a foreign entry of the same name is refused', () => {
    const host = hostCalled(name)
    const [file] = host.files
    if (!file) throw new Error('no file')
    const key = serversKey(name)
    const text = isToml(file)
      ? '[mcp_servers.tony]\nurl = "http://x"\n'
      : `{ "${key}": { "tony": { "url": "http://x" } } }`
    put(file.path, text)
    expect(installInHosts([host], false)[0]).toMatchObject({
      state: 'refused',
      problem: expect.stringContaining('tony'),
    })
    expect(textOf(file.path)).toBe(text)
  })
})

test('each host gets the keys that it reads', () => {
  const [claude, codex, cursor, gemini, vscode] = hostNames.map((name) => hostCalled(name))
  installInHosts(
    [claude, codex, cursor, gemini, vscode].flatMap((host) => host ?? []),
    false,
  )
  const json = (path: string) => JSON.parse(textOf(join(home, path)))
  const [command, script] = entry.command
  const server = { command, args: [script, 'mcp'], env: entry.env }
  expect(json('.claude.json')).toEqual({ mcpServers: { tony: { type: 'stdio', ...server } } })
  expect(json('.cursor/mcp.json')).toEqual({ mcpServers: { tony: { type: 'stdio', ...server } } })
  expect(json('Code/User/mcp.json')).toEqual({ servers: { tony: { type: 'stdio', ...server } } })
  expect(json('.gemini/settings.json').mcpServers).toEqual({ tony: server })
  const line = (point: string, host: string) => `${command} ${script} hook ${point} --host ${host}`
  expect(json('.claude/settings.json').hooks.Stop).toEqual([
    { hooks: [{ type: 'command', command: line('stop', 'claude-code'), timeout: 10 }] },
  ])
  expect(Object.keys(json('.codex/hooks.json'))).toEqual(['hooks'])
  expect(json('.gemini/settings.json').hooks.AfterTool).toEqual([
    { hooks: [{ type: 'command', command: line('tool', 'gemini'), timeout: 10_000 }] },
  ])
  expect(json('.cursor/hooks.json')).toMatchObject({
    version: 1,
    hooks: { postToolUse: [{ command: line('tool', 'cursor') }] },
  })
  expect(json('.copilot/hooks/tony-mcp.json').hooks.SessionStart).toMatchObject([
    { type: 'command', command: line('session-start', 'vscode') },
  ])
  expect(textOf(join(home, '.codex/config.toml'))).toContain(
    `[mcp_servers.tony]\ncommand = "${command}"\nargs = [ "${script}", "mcp" ]\n`,
  )
})

test('a variable that a user has added to our entry stays, and a link stays a link', () => {
  const host = hostCalled('cursor')
  const real = join(home, 'dotfiles.json')
  put(real, '{}')
  mkdirSync(join(home, '.cursor'))
  symlinkSync(real, join(home, '.cursor', 'mcp.json'))
  installInHosts([host], false)
  writeFileSync(real, textOf(real).replace('"env": {', '"env": { "TONY_MCP_PROJECT": "p",'))
  const moved = hostCalled('cursor', { ...entry, env: { TONY_MCP_URL: 'http://new:1' } })
  expect(hostFileStates([moved])[0]).toMatchObject({
    drift: [{ at: 'mcpServers.tony.env.TONY_MCP_URL', is: 'http://t:1', expected: 'http://new:1' }],
  })
  installInHosts([moved], false)
  expect(JSON.parse(textOf(real)).mcpServers.tony.env).toEqual({ TONY_MCP_PROJECT: 'p', TONY_MCP_URL: 'http://new:1' })
})
