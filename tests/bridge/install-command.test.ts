import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { program } from '../support/command.ts'

let home = ''
beforeEach(() => {
  variables = {}
  home = mkdtempSync(join(tmpdir(), 'tony-hosts-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

let variables: Readonly<Record<string, string>> = {}

function tony(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env['PATH'], HOME: home, ...variables }
  return new Promise((resolve) => {
    execFile(process.execPath, [program, 'mcp', ...argv], { env, cwd: home }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

test('the installed hosts get the program that was called, and the others are left alone', async () => {
  mkdirSync(join(home, '.codex'))
  mkdirSync(join(home, '.claude'))
  const { code, stdout, stderr } = await tony('install', '--url', 'http://10.0.0.1:1', '--token-file', 'key')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^claude-code {2}installed/)
  expect(stderr).toContain('/hooks')
  const { mcpServers } = JSON.parse(readFileSync(join(home, '.claude.json'), 'utf8'))
  expect(mcpServers.tony).toEqual({
    type: 'stdio',
    command: process.execPath,
    args: [program, 'mcp'],
    env: { TONY_MCP_URL: 'http://10.0.0.1:1', TONY_TOKEN_FILE: join(home, 'key') },
  })
  expect(existsSync(join(home, '.cursor'))).toBe(false)
  expect((await tony('status')).code).toBe(0)
  expect((await tony('uninstall')).stdout).toContain('removed')
  expect(existsSync(join(home, '.claude.json'))).toBe(false)
  expect((await tony('status')).code).toBe(1)
})

test('status lists the differences, and shows no secret of a file', async () => {
  const secret = 'tck_01_abcdefghijkl_9'
  mkdirSync(join(home, '.cursor'))
  await tony('install', '--client', 'cursor')
  const file = join(home, '.cursor', 'mcp.json')
  const held = JSON.parse(readFileSync(file, 'utf8'))
  held.mcpServers.tony.command = `/old/${secret}`
  held.mcpServers.tony.env = { TONY_TOKEN: 'plainly', TONY_MCP_URL: `http://x/?k=${secret}` }
  writeFileSync(file, JSON.stringify(held))
  for (const form of [[], ['--json']]) {
    const { code, stdout } = await tony('status', '--client', 'cursor', '--url', 'http://y:1', ...form)
    expect(code).toBe(1)
    expect(stdout).toContain('mcpServers.tony.command')
    expect(stdout).toContain('[not shown]')
    expect(stdout).not.toContain(secret)
    expect(stdout).not.toContain('plainly')
  }
})

test('a broken file is named with an exit code, and nothing is changed', async () => {
  mkdirSync(join(home, '.gemini'))
  const file = join(home, '.gemini', 'settings.json')
  writeFileSync(file, '{ "theme": }')
  const { code, stdout } = await tony('install', '--client', 'gemini')
  expect({ code, stdout }).toEqual({
    code: 1,
    stdout: expect.stringMatching(/gemini +refused +.*settings\.json is broken at line 1: .*unchanged/),
  })
  expect(readFileSync(file, 'utf8')).toBe('{ "theme": }')
})

test('--json prints one object, and a dry run changes nothing', async () => {
  const { code, stdout } = await tony('install', '--all', '--dry-run', '--json')
  expect(code).toBe(0)
  const { dryRun, files } = JSON.parse(stdout)
  expect(dryRun).toBe(true)
  expect(files).toHaveLength(9)
  expect(existsSync(join(home, '.claude.json'))).toBe(false)
  expect((await tony('install', '--client', 'emacs')).stderr).toContain('claude-code')
})

test('the configuration goes to the folders that the host looks in, and an empty variable is absent', async () => {
  const config = join(home, 'elsewhere')
  variables = { CLAUDE_CONFIG_DIR: config, CODEX_HOME: '', XDG_CONFIG_HOME: '', APPDATA: '' }
  mkdirSync(config)
  mkdirSync(join(home, '.codex'))
  expect((await tony('install')).code).toBe(0)
  expect(existsSync(join(config, '.claude.json'))).toBe(true)
  expect(existsSync(join(config, 'settings.json'))).toBe(true)
  expect(existsSync(join(home, '.claude.json'))).toBe(false)
  expect(existsSync(join(home, '.codex', 'config.toml'))).toBe(true)
})

test('a host with a refused file is reported as unchanged, file by file', async () => {
  mkdirSync(join(home, '.claude'))
  writeFileSync(join(home, '.claude', 'settings.json'), '{ "hooks": [')
  const { code, stdout } = await tony('install', '--json')
  expect(code).not.toBe(0)
  const outcomes = JSON.parse(stdout).files ?? JSON.parse(stdout)
  const states = outcomes.map(({ path, state }: { path: string; state: string }) => [path.slice(home.length), state])
  expect(states).toEqual([
    ['/.claude.json', 'skipped'],
    ['/.claude/settings.json', 'refused'],
  ])
  expect(existsSync(join(home, '.claude.json'))).toBe(false)
})
