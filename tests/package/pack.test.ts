import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { root, runIn } from './packed.ts'

const folder = mkdtempSync(join(tmpdir(), 'tony-newcomer-'))
const tarballs = join(folder, 'tarballs')
const prefix = join(folder, 'prefix')
const env = {
  // The Node of this test comes before that of the machine, and the installed command before both.
  PATH: `${join(prefix, 'bin')}:${dirname(process.execPath)}:${process.env['PATH']}`,
  HOME: folder,
  npm_config_cache: process.env['npm_config_cache'] ?? join(process.env['HOME'] ?? folder, '.npm'),
}
const install = ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline']
const run = (cwd: string, command: string, ...argv: string[]) => promisify(execFile)(command, argv, { cwd, env })

beforeAll(async () => {
  runIn(root, process.execPath, ['scripts/pack.ts', tarballs])
  mkdirSync(prefix)
  await run(folder, 'npm', ...install, '--global', '--prefix', prefix, join(tarballs, 'tony-mcp-0.1.0.tgz'))
}, 600_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('there is a tarball of every package, each with its license and a readme', async () => {
  const files = readdirSync(tarballs)
  expect(files).toHaveLength(6)
  for (const file of files) {
    const { stdout } = await run(tarballs, 'tar', 'tzf', file)
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(['package/LICENSE', 'package/README.md']))
  }
})

test('a newcomer starts a server, runs a program of the client and makes a plugin, without a registry name of ours', async () => {
  const port = await freePort()
  const child = spawn('tony-mcp', ['dev'], {
    cwd: folder,
    env: { ...env, MCP_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    expect(String((await once(child.stdout, 'data'))[0])).toContain(`http://127.0.0.1:${port}`)
    const program = join(folder, 'program')
    mkdirSync(program)
    writeFileSync(join(program, 'package.json'), JSON.stringify({ name: 'program', private: true, type: 'module' }))
    writeFileSync(
      join(program, 'main.js'),
      `import { Agent, createClient } from '@tony/mcp-client'
const url = 'http://127.0.0.1:${port}'
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
    for (let times = 0; times < 2; times += 1)
      expect((await run(program, 'node', 'main.js')).stdout).toBe('say hello: done\n')
    await run(folder, 'tony-mcp', 'plugin', 'new', 'words')
    await run(join(folder, 'words'), 'npm', ...install)
    expect((await run(join(folder, 'words'), 'npm', 'test')).stdout).toContain('pass 2')
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
})
