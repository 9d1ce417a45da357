import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build } from 'rolldown'
import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

const client = fileURLToPath(new URL('../../client/dist/index.js', import.meta.url))

/** Bundles a program with the built client into one script that sets the global `bundle`. */
async function bundle(
  code: string,
  platform: 'browser' | 'node',
): Promise<{ code: string; imports: readonly string[] }> {
  const entry = 'virtual:entry'
  const {
    output: [chunk],
  } = await build({
    input: entry,
    platform,
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
