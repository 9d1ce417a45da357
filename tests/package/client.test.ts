import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const compiler = join(root, 'node_modules/typescript/bin/tsc')
const folder = mkdtempSync(join(tmpdir(), 'tony-packed-'))
const run = (command: string, argv: readonly string[], cwd = folder) =>
  execFileSync(command, argv, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

const program = `
import { Agent, createClient, FinalError, TonyError, type FeedEvent, type Task } from '@tony/mcp-client'

const url = process.argv[2] ?? ''
const lead = createClient({ url })
const created: Task = await lead.tasks.create({ type: 'code', title: 'packed', priority: 'urgent' })
const agent = await Agent.register({ url, name: 'packed', type: 'implementation' })
const seen: FeedEvent[] = []
const completed = (async () => {
  for await (const event of lead.events.subscribe({ cursor: 'start', types: ['task.completed'] })) {
    seen.push(event)
    return
  }
})()
agent.work(async (task, { signal, progress }) => {
  await progress({ percent: 50 })
  if (signal.aborted) throw new FinalError('lost')
  return { did: task.title }
})
await completed
await agent.stop()
const stored = await lead.tasks.get({ taskId: created.id })
const refused = await lead.tasks.get({ taskId: 'absent' }).catch((error: unknown) => (error instanceof TonyError ? error.code : 'other'))
lead.close()
console.log(JSON.stringify({ status: stored.status, result: stored.result, events: seen.length, refused }))
`

const wrong = `
import { createClient } from '@tony/mcp-client'
const client = createClient()
// @ts-expect-error a task needs a type
await client.tasks.create({ title: 'no type' })
// @ts-expect-error not a priority
await client.tasks.create({ type: 'code', priority: 'soon' })
// @ts-expect-error no such procedure
await client.tasks.destroy({})
// @ts-expect-error a duration is a number
await client.tasks.claim({ waitMs: '5s' })
`

beforeAll(() => {
  const tarball = run('npm', ['pack', '--silent', '--pack-destination', folder], join(root, 'client')).trim()
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'plugin', private: true, type: 'module' }))
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', join(folder, tarball)])
  const options = {
    strict: true,
    skipLibCheck: false,
    module: 'nodenext',
    target: 'es2024',
    types: ['node'],
    outDir: 'out',
  }
  const typeRoots = [join(root, 'node_modules/@types')]
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...options, typeRoots }, files: ['program.ts', 'wrong.ts'] }),
  )
  writeFileSync(join(folder, 'program.ts'), program)
  writeFileSync(join(folder, 'wrong.ts'), wrong)
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the packed client, installed in an empty folder, type-checks strictly without skipping its libraries', () => {
  expect(run(process.execPath, [compiler, '-p', '.'])).toBe('')
})

test('a query, a mutation, a subscription and a worker run from the packed client', async () => {
  await using server = await TestServer.start()
  run(process.execPath, [compiler, '-p', '.'])
  const { execFile } = await import('node:child_process')
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      ['out/program.js', server.url],
      { cwd: folder, timeout: 20_000 },
      (error, stdout, stderr) => (error ? reject(new Error(stderr)) : resolve(stdout)),
    )
  })
  expect(JSON.parse(output)).toEqual({
    status: 'completed',
    result: { did: 'packed' },
    events: 1,
    refused: 'NOT_FOUND',
  })
})

test('the packed client carries two dependencies and no type of the server', () => {
  const packages = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))
  expect(packages.sort()).toEqual(['@tony', 'cockatiel', 'ws'])
  const installed = join(folder, 'node_modules/@tony/mcp-client/dist')
  for (const file of readdirSync(installed, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(d\.ts|js)$/.test(file)) continue
    expect(readFileSync(join(installed, file), 'utf8'), file).not.toMatch(
      /mcp-server|mcp-shared|drizzle|pino|from 'zod'/,
    )
  }
})
