import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { freePort } from '../support/free-port.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { root, runIn } from './packed.ts'

const folder = mkdtempSync(join(tmpdir(), 'tony-newcomer-'))
const tarballs = join(folder, 'tarballs')
const command = join(tarballs, 'tony-mcp-0.1.0.tgz')
const prefix = join(folder, 'prefix')
const env = {
  // The Node of this test comes before that of the machine, and the installed command before both.
  PATH: `${join(prefix, 'bin')}:${dirname(process.execPath)}:${process.env['PATH']}`,
  HOME: folder,
  npm_config_cache: process.env['npm_config_cache'] ?? join(process.env['HOME'] ?? folder, '.npm'),
  NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS'] ?? '',
}
const install = ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline']
/** Another npm, beside that of the machine. */
const laterNpm = '12.2.2'
const laterFolder = join(folder, 'npm')
let isLaterHere = false

/** The version of npm of the current test; undefined means that of the machine. */
let npm: string | undefined

function run(cwd: string, program: string, ...argv: string[]) {
  const PATH = npm === undefined ? env.PATH : `${join(laterFolder, 'node_modules/.bin')}:${env.PATH}`
  return promisify(execFile)(program, argv, { cwd, env: { ...env, PATH } })
}

beforeAll(async () => {
  runIn(root, process.execPath, ['scripts/pack.ts', tarballs])
  mkdirSync(prefix)
  await run(folder, 'npm', ...install, '--global', '--prefix', prefix, command)
  isLaterHere = await run(folder, 'npm', ...install, '--prefix', laterFolder, `npm@${laterNpm}`).then(
    () => true,
    () => false,
  )
}, 600_000)
beforeEach(() => {
  npm = undefined
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('there is a tarball of every package, each with its license and a readme', async () => {
  const files = readdirSync(tarballs)
  expect(files).toHaveLength(6)
  for (const file of files) {
    const { stdout } = await run(tarballs, 'tar', 'tzf', file)
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['package/LICENSE', 'package/README.md']))
    if (!file.startsWith('tony-mcp-0')) continue
    // The command starts from its bundle, which holds other packages and so their licenses.
    const bundle = ['program.js', 'hook-entry.js', 'LICENSES'].map((name) => `package/dist/bundle/${name}`)
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(bundle))
  }
})

/** The dashboard is in the package: its page, and a script of it, compressed. */
async function expectDashboard(url: string): Promise<void> {
  const page = await (await fetch(url, { headers: { accept: 'text/html' } })).text()
  const [, script = ''] = /src="\.\/(assets\/[^"]+\.js)"/.exec(page) ?? []
  const { status, headers } = await fetch(`${url}/${script}`, { headers: { 'accept-encoding': 'gzip' } })
  expect([status, headers.get('content-encoding')]).toEqual([200, 'gzip'])
}

/** The commands of a newcomer name a task that no agent may take, with the reason. */
async function expectStuck(url: string): Promise<void> {
  const tony = (...argv: string[]) => run(folder, 'tony-mcp', ...argv, '--url', url)
  const id = (await tony('tasks', 'add', 'port it', '--requires', 'cobol')).stdout.trim()
  await tony('api', 'agents.register', '--name', 'bob', '--type', 'implementation')
  expect((await tony('top', '--once')).stdout).toMatch(new RegExp(`${id} +pending +port it +.*required capability`))
  expect((await tony('explain', id)).stdout).toContain('bob: it lacks a required capability')
}

/** Writes a program of the client, installs the client from its tarball, and returns its folder. */
async function writeProgram(at: string, url: string): Promise<string> {
  const program = join(at, 'program')
  mkdirSync(program)
  writeFileSync(join(program, 'package.json'), JSON.stringify({ name: 'program', private: true, type: 'module' }))
  writeFileSync(
    join(program, 'main.js'),
    `import { Agent, createClient } from '@tony/mcp-client'
const url = '${url}'
const lead = createClient({ url })
const agent = await Agent.register({ url, name: 'ada', type: 'implementation' })
agent.work((task) => \`\${task.title}: done\`)
const { id } = await lead.tasks.create({ type: 'code', title: 'say hello' })
for await (const { subject } of agent.watch({ types: ['task.completed'] }, { from: 'start' })) if (subject === id) break
console.log((await lead.tasks.get({ taskId: id })).result)
await agent.stop()
lead.close()
`,
  )
  await run(program, 'npm', ...install, join(tarballs, 'tony-mcp-client-0.1.0.tgz'))
  return program
}

/** A plugin recognizes the errors of the command that runs it by its own copy of the client. */
async function expectSharedErrors(cwd: string, url: string): Promise<void> {
  writeFileSync(
    join(cwd, 'errors.js'),
    `import { TonyError } from '@tony/mcp-client'
import { definePlugin, PluginError } from '@tony/mcp-client/plugin'
export default definePlugin({
  name: 'errors',
  version: '1.0.0',
  handlers: {},
  onActivate: async ({ mcp }) => {
    const refused = await mcp.unregisterAgent('absent').catch((error) => error)
    const own = await mcp.unregisterAgent('errors').catch((error) => error)
    process.stdout.write([refused instanceof TonyError, own instanceof PluginError, refused.code].join(' '))
  },
})
`,
  )
  const argv = ['plugin', 'run', 'errors.js', '--url', url]
  const child = spawn('tony-mcp', argv, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    expect(String((await once(child.stdout, 'data'))[0])).toBe('true true NOT_FOUND')
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

test.for([
  ['the npm of this machine', undefined],
  [`npm ${laterNpm}`, laterNpm],
] as const)(
  'with %s, a newcomer starts a server, runs a program of the client and makes a plugin, without a registry name of ours',
  async ([, version], { skip }) => {
    skip(version !== undefined && !isLaterHere, `npm ${laterNpm} cannot be had here`)
    npm = version
    if (version !== undefined) {
      expect((await run(folder, 'npm', '--version')).stdout.trim()).toBe(version)
      await run(folder, 'npm', ...install, '--global', '--prefix', prefix, command)
    }
    const at = join(folder, `newcomer ${version}`)
    mkdirSync(at)
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const settings = { ...env, MCP_PORT: String(port) }
    const child = spawn('tony-mcp', ['dev'], { cwd: at, env: settings, stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      expect(String((await once(child.stdout, 'data'))[0])).toContain(url)
      const program = await writeProgram(at, url)
      for (let times = 0; times < 2; times += 1)
        expect((await run(program, 'node', 'main.js')).stdout).toBe('say hello: done\n')
      await expectStuck(url)
      await expectDashboard(url)
      await run(at, 'tony-mcp', 'plugin', 'new', 'words')
      await run(join(at, 'words'), 'npm', ...install)
      expect((await run(join(at, 'words'), 'npm', 'test')).stdout).toContain('pass 2')
      await expectSharedErrors(join(at, 'words'), url)
    } finally {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  },
)

/** Starts a replica of the packed command, and returns its URL. */
async function startReplica(name: string, settings: Readonly<Record<string, string>>, stack: AsyncDisposableStack) {
  const cwd = join(folder, name)
  mkdirSync(cwd)
  const child = spawn('tony-mcp', ['serve'], {
    cwd,
    env: { ...env, ...settings, MCP_PORT: '0', LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  stack.defer(async () => {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  })
  const [, url = ''] = /✔ (\S+)/.exec(String((await once(child.stdout, 'data'))[0])) ?? []
  return url
}

test.skipIf(postgresServer === undefined)(
  'two replicas with the documented environment of compose share one database',
  async () => {
    await using database = await Database.create({ empty: true })
    const { services } = parse(readFileSync(join(root, 'deploy/postgres/compose.yaml'), 'utf8'))
    const names = Object.keys(services.tony.environment)
    expect(names).toEqual([
      ...['DATABASE_URL', 'PGPASSFILE', 'MCP_PEPPER_FILE', 'MCP_BOOTSTRAP_TOKEN_FILE', 'MCP_ALLOWED_HOSTS'],
    ])
    const [pepper, passwords, bootstrap] = [join(folder, 'pepper'), join(folder, 'pgpass'), join(folder, 'bootstrap')]
    const first = randomBytes(32).toString('hex')
    writeFileSync(bootstrap, first, { mode: 0o600 })
    writeFileSync(pepper, randomBytes(32).toString('base64url'), { mode: 0o600 })
    writeFileSync(passwords, '', { mode: 0o600 })
    // NODE_ENV is that of the image.
    const settings = {
      DATABASE_URL: database.url,
      PGPASSFILE: passwords,
      MCP_PEPPER_FILE: pepper,
      MCP_BOOTSTRAP_TOKEN_FILE: bootstrap,
      MCP_ALLOWED_HOSTS: '',
      NODE_ENV: 'production',
    }
    await using stack = new AsyncDisposableStack()
    const [a, b] = [await startReplica('a', settings, stack), await startReplica('b', settings, stack)]
    const tony = (token: string, url: string, ...argv: string[]) =>
      promisify(execFile)('tony-mcp', [...argv, '--url', url], { cwd: folder, env: { ...env, TONY_TOKEN: token } })
    const key = (await tony(first, a, 'keys', 'create', 'admin', '--role', 'admin', '--scope', '*')).stdout.trim()
    await tony(key, a, 'tasks', 'add', 'made at a')
    expect((await tony(key, b, 'tasks', 'ls', '--json', 'title')).stdout).toBe('[{"title":"made at a"}]\n')
  },
)
