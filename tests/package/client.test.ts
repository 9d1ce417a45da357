import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { compileIn, compilerOptions, installPackedClient, root, runIn, writePrograms } from './packed.ts'

const folder = mkdtempSync(join(tmpdir(), 'tony-packed-'))

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

const pageProgram = `
import { Agent, createClient, type Client } from '@tony/mcp-client'
const client: Client = createClient({ onState: (state, { reason }) => document.title = reason ?? state })
const agent = await Agent.register({ name: 'page', type: 'qa' })
for await (const { type } of agent.watch({}, { signal: new AbortController().signal })) document.title = type
client.close()
export {}
`

const wrong = `
import { Agent, createClient, watch } from '@tony/mcp-client'
const client = createClient()
// @ts-expect-error a task needs a type
await client.tasks.create({ title: 'no type' })
// @ts-expect-error not a priority
await client.tasks.create({ type: 'code', priority: 'soon' })
// @ts-expect-error no such procedure
await client.tasks.destroy({})
// @ts-expect-error a duration is a number
await client.tasks.claim({ waitMs: '5s' })
// @ts-expect-error what the server decides is not what it is told
await client.tasks.complete({ taskId: 'id', leaseToken: 'token', status: 'completed' })
// @ts-expect-error the sender is who calls, and is not said
await client.messages.send({ to: 'ada', type: 'note', payload: {}, from: 'bob' })
// @ts-expect-error not a role
await Agent.register({ name: 'ada', type: 'qa', role: 'boss' })
// @ts-expect-error an admin is a credential, and no agent
await Agent.register({ name: 'ada', type: 'qa', role: 'admin' })
const agent = await Agent.register({ name: 'ada', type: 'qa' })
// @ts-expect-error work needs a handler
agent.work()
// @ts-expect-error slots are no handler
agent.work({ slots: 2 })
// @ts-expect-error mail needs a handler
agent.onMessage({ concurrency: 2 })
// @ts-expect-error a task has no such field
agent.work((task) => task.titel)
// @ts-expect-error an answer is a result or an error with code and message
await agent.reply('id', { error: 'no' })
// @ts-expect-error no such event
watch(client, { types: ['task.finished'] })
// @ts-expect-error a store can be asked for what it saved
watch(client, {}, { store: { save: () => undefined } })
// @ts-expect-error subscriptions over HTTP are called sse
createClient({ subscriptions: 'http' })
`

beforeAll(() => {
  installPackedClient(folder)
  writePrograms(folder, { 'program.ts': program, 'wrong.ts': wrong })
  const page = {
    ...compilerOptions,
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: ['es2024', 'dom', 'dom.iterable'],
    types: [],
  }
  writeFileSync(
    join(folder, 'tsconfig.page.json'),
    JSON.stringify({ compilerOptions: page, files: ['program-page.ts'] }),
  )
  writeFileSync(join(folder, 'program-page.ts'), pageProgram)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the packed client, installed in an empty folder, type-checks strictly without skipping its libraries', () => {
  expect(compileIn(folder)).toBe('')
})

test('the packed client type-checks for a page too, without the types of Node', () => {
  expect(compileIn(folder, 'tsconfig.page.json')).toBe('')
})

test('publint and attw report no fault of the package', () => {
  const bin = (name: string) => join(root, 'node_modules/.bin', name)
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  expect(runIn(folder, bin('publint'), [tarball, '--strict'])).toContain('All good!')
  expect(runIn(folder, bin('attw'), [tarball, '--profile', 'esm-only'])).toContain('bundler')
})

test('a query, a mutation, a subscription and a worker run from the packed client', async () => {
  await using server = await TestServer.start()
  compileIn(folder)
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

test('the packed client has two dependencies and no type of the server', () => {
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
