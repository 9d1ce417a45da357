import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'rolldown'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

const client = fileURLToPath(new URL('../../client/dist/index.js', import.meta.url))

/**
 * Bundles a program with the built client into one script. For a page it sets the global `bundle`.
 * Without a platform the bundler chooses one.
 */
async function bundle(
  code: string,
  platform?: 'browser' | 'node',
): Promise<{ code: string; imports: readonly string[] }> {
  const entry = 'virtual:entry'
  const {
    output: [chunk],
  } = await build({
    input: entry,
    ...(platform && { platform }),
    write: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : id === 'client' ? client : undefined),
        load: (id) => (id === entry ? code : undefined),
      },
    ],
    output: { format: platform === 'browser' ? 'iife' : 'es', name: 'bundle', minify: true },
  })
  return { code: chunk.code, imports: chunk.imports }
}

const everything = "export * from 'client'"

test('the whole client has at most 60 kB gzipped with its dependencies, and a part of it has less', async () => {
  const sizeOf = async (code: string, platform: 'browser' | 'node') =>
    gzipSync((await bundle(code, platform)).code).length
  const node = await sizeOf(everything, 'node')
  const page = await sizeOf(everything, 'browser')
  const calls = await sizeOf("export { createClient } from 'client'", 'browser')
  process.stdout.write(`gzipped: node ${node}, browser ${page}, createClient alone ${calls}\n`)
  expect(node).toBeLessThan(60_000)
  expect(page).toBeLessThan(30_000)
  expect(calls).toBeLessThan(page - 2_000)
})

test('unused code is left out', async () => {
  const { code } = await bundle("export { createClient } from 'client'", 'browser')
  expect(code).toContain('idempotencyKey')
  expect(code).not.toContain('/api/agents/register')
  expect(code).not.toContain('HANDLER_FAILED')
})

/** Returns the globals of a page, and none of Node. */
const page = () => ({
  ...{ AbortController, AbortSignal, DOMException, TextDecoder, TextEncoder, URL, WebSocket },
  ...{ clearInterval, clearTimeout, console, crypto, fetch, performance, queueMicrotask, setInterval, setTimeout },
})

const program = (url: string, way: object) => `(async () => {
  const { Agent, createClient, watch } = bundle
  const way = ${JSON.stringify(way)}
  const client = createClient({ url: '${url}', ...way })
  const { id } = await client.tasks.create({ type: 'code', title: 'from a page' })
  const agent = await Agent.register({ url: '${url}', name: 'page', type: 'implementation', drainOnSigterm: true, ...way })
  agent.work(({ title }) => ({ did: title }))
  for await (const { type, subject } of watch(client, { types: ['task.completed'] }, { from: 'start' }))
    if (subject === id) break
  const { result } = await client.tasks.get({ taskId: id })
  await agent.heartbeat()
  const { samples } = await client.health.history({ agent: 'page' })
  await agent.stop()
  client.close()
  return JSON.stringify({ result, samples })
})()`

test.each([
  ['over a socket', {}],
  ['over HTTP', { calls: 'http', subscriptions: 'sse' }],
])("the client runs in a page with the page's WebSocket and fetch, %s", async (_, way) => {
  await using server = await TestServer.start()
  const { code, imports } = await bundle(everything, 'browser')
  expect(imports).toEqual([])
  const context = createContext(page())
  runInContext(code.replace(/^var /, 'globalThis.bundle;var '), context)
  expect(runInContext('typeof process + typeof Buffer + typeof require', context)).toBe('undefined'.repeat(3))
  const said: unknown = await runInContext(program(server.url, way), context)
  expect(JSON.parse(String(said))).toEqual({ result: { did: 'from a page' }, samples: [] })
})

/** An agent that measures itself at the begin of its task, and finishes it on SIGTERM. */
const drainingProgram = (url: string) => `
import { Agent } from 'client'
const agent = await Agent.register({
  url: '${url}', name: 'bundled', type: 'implementation', healthMs: 1, heartbeatMs: 3_600_000, drainOnSigterm: true
})
agent.work(async () => {
  await agent.heartbeat()
  process.stdout.write('working')
  await new Promise((resolve) => process.once('SIGTERM', resolve))
})`

test('a bundle without a platform has the half for pages, and in Node it drains on SIGTERM and measures its process', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const { id } = await lead.tasks.create({ type: 'code' })
  const { code, imports } = await bundle(drainingProgram(server.url))
  // The half for Node would import the modules that `ws` needs.
  expect(imports).toEqual([])
  const child = spawn(process.execPath, ['--input-type=module'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    child.stdin.end(code)
    await once(child.stdout, 'data')
    const { samples } = await lead.health.history({ agent: 'bundled' })
    expect(samples[0]?.memoryUsage).toBeGreaterThan(10_000_000)
    child.kill('SIGTERM')
    expect(await ended).toEqual([null, 'SIGTERM'])
  } finally {
    child.kill('SIGKILL')
  }
  expect(await lead.tasks.get({ taskId: id })).toMatchObject({ status: 'completed', failures: 0 })
})
