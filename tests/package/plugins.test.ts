import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { compileIn, installPackedClient, writePrograms } from './packed.ts'

const folder = mkdtempSync(join(tmpdir(), 'tony-packed-plugins-'))

const program = `
import { definePlugin, createMemoryInstallations, runPlugin, testPlugin } from '@tony/mcp-client/plugin'
import { type AgentStatus, initializeTonyMCP, minimalMCPServer, tonyMCP } from '@tony/mcp-client/tony'

interface Sums { add: { params: { a: number; b: number }; result: number } }
const sums = definePlugin<Sums>({ name: 'sums', version: '1.0.0', handlers: { add: ({ a, b }) => a + b } })
const harness = await testPlugin(sums)
const alone = await harness.call('add', { a: 1, b: 2 })
const running = await runPlugin(sums, { installations: createMemoryInstallations() })
const { agents } = await initializeTonyMCP()
const { result } = await minimalMCPServer.routeRequest({ method: 'add', params: { a: 3, b: 4 } })
const status: AgentStatus = await tonyMCP.getAgentStatus(agents[0]?.agentId ?? '')
await tonyMCP.shutdown()
await running.stop()
console.log(JSON.stringify({ alone, result, state: status.state }))
`

const wrong = `
import { definePlugin } from '@tony/mcp-client/plugin'
import { tonyMCP } from '@tony/mcp-client/tony'
interface Sums { add: { params: { a: number; b: number }; result: number } }
// @ts-expect-error a handler is missing
definePlugin<Sums>({ name: 'sums', version: '1.0.0', handlers: {} })
// @ts-expect-error coordination is an object
await tonyMCP.broadcastCoordination('start')
// @ts-expect-error there is no such method
await tonyMCP.coordinate({})
`

beforeAll(() => {
  installPackedClient(folder)
  writePrograms(folder, { 'program.ts': program, 'wrong.ts': wrong })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the packed plugin kit and the API of Tony 2.8 type-check strictly and run', async () => {
  await using server = await TestServer.start()
  expect(compileIn(folder)).toBe('')
  const env = { ...process.env, TONY_MCP_URL: server.url }
  const options = { cwd: folder, env, timeout: 20_000 }
  const { stdout } = await promisify(execFile)(process.execPath, ['out/program.js'], options)
  expect(JSON.parse(stdout)).toEqual({ alone: 3, result: 7, state: 'idle' })
})
