import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client as McpClient } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { isAlive } from '@tony/mcp-bridge/session/processes'
import { expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { program } from '../support/command.ts'
import { TestServer } from '../support/server.ts'

const stateOf = (server: TestServer): string => join(server.folder, 'state')

const commandFor = (server: TestServer, url = server.url) => ({
  command: process.execPath,
  args: [program, 'mcp'],
  env: { TONY_MCP_URL: url, TONY_MCP_STATE_DIR: stateOf(server) },
})

async function host(server: TestServer): Promise<{ child: Child; taskId: string; bridge: number }> {
  const child = new Child('host.ts', program, server.url, stateOf(server))
  const { task } = JSON.parse(await child.says('took ')) as { task: { taskId: string } }
  return { child, taskId: task.taskId, bridge: Number(await child.says('bridge ')) }
}

const statusOf = (server: TestServer, taskId: string) => async () => {
  const { status, failures } = await server.connect().tasks.get({ taskId })
  return `${status}, ${failures} failures`
}

test('a killed host frees its task without a failure and before the end of the lease', async () => {
  await using server = await TestServer.start()
  await server.connect().tasks.create({ type: 'code' })
  const { child, taskId, bridge } = await host(server)
  expect(await statusOf(server, taskId)()).toBe('in_progress, 0 failures')
  await child.kill()
  await expect.poll(statusOf(server, taskId)).toBe('pending, 0 failures')
  await expect.poll(() => isAlive(bridge)).toBe(false)
})

test('a killed host frees its task although another process holds the input of its bridge', async () => {
  await using server = await TestServer.start()
  const { env } = commandFor(server)
  // A shell takes the input of a background program away, unless it is another descriptor.
  const script = 'exec 3<&0; "$0" "$1" mcp <&3 & echo $!; wait'
  const holder = spawn('sleep', ['1000'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const shell = spawn('sh', ['-c', script, process.execPath, program], {
    env: { ...process.env, ...env },
    stdio: [holder.stdout, 'pipe', 'ignore'],
  })
  const [line] = await once(shell.stdout, 'data')
  const bridge = Number(String(line))
  const lead = server.connect()
  const isHere = async () => (await lead.agents.list({})).agents.length
  await expect.poll(isHere).toBe(1)
  shell.kill('SIGKILL')
  await expect.poll(() => isAlive(bridge)).toBe(false)
  expect(isAlive(holder.pid ?? 0)).toBe(true)
  holder.kill()
  await once(holder, 'exit')
})

test.skipIf(process.platform !== 'linux')(
  'an ended process whose parent takes no exit status is not alive',
  async () => {
    const script = 'exec 3<&0; cat <&3 & echo $!; exec sleep 1000'
    const parent = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] })
    const [line] = await once(parent.stdout, 'data')
    const ended = Number(String(line))
    // From then on the parent is a program that waits for no child.
    await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n')
    parent.stdin.end()
    await expect.poll(() => isAlive(ended)).toBe(false)
    // Its id is still in use.
    expect(process.kill(ended, 0)).toBe(true)
    parent.kill('SIGKILL')
    await once(parent, 'exit')
  },
)

test('the program of an older configuration, without a command and by standard input and output, is a bridge', async () => {
  await using server = await TestServer.start()
  const { command, env } = commandFor(server)
  const transport = new StdioClientTransport({ command, args: [program], env: { ...env, MCP_TRANSPORT: 'stdio' } })
  const client = new McpClient({ name: 'older-configuration', version: '1' })
  await client.connect(transport)
  const { structuredContent } = await client.callTool({ name: 'join', arguments: {} })
  expect(structuredContent).toMatchObject({ role: 'developer' })
  await client.close()
})

test('a killed bridge frees its task within the lease', async () => {
  await using server = await TestServer.start()
  await server.connect().tasks.create({ type: 'code', maxAttempts: 3 })
  const { child, taskId, bridge } = await host(server)
  process.kill(bridge, 'SIGKILL')
  await expect.poll(() => isAlive(bridge)).toBe(false)
  await server.advance(31_000)
  expect(await statusOf(server, taskId)()).toBe('pending, 1 failures')
  await child.kill()
})

test('a session is an agent before its model calls a tool, and its messages are with its bridge', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  const client = new McpClient({ name: 'test-host', version: '1.0.0' })
  await client.connect(new StdioClientTransport(commandFor(server)))
  const agents = async () => (await lead.agents.list({})).agents
  await expect.poll(async () => (await agents()).length).toBe(1)
  const [{ name } = { name: '' }] = await agents()
  const { id: messageId } = await lead.messages.send({ to: name, type: 'note', payload: 'begin with the tests' })
  const seen = async () => (await lead.messages.get({ messageId })).status
  await expect.poll(seen).toBe('delivered')
  const { content } = await client.callTool({ name: 'inbox', arguments: {} })
  expect(JSON.stringify(content)).toContain('| begin with the tests')
  await client.close()
})

test('four hosts that start at the same time from one configuration are four agents', async () => {
  await using server = await TestServer.start()
  const lead = server.connect()
  await lead.tasks.createMany({ tasks: [1, 2, 3, 4].map((n) => ({ type: 'code', title: `${n}` })) })
  const hosts = await Promise.all([1, 2, 3, 4].map(() => host(server)))
  expect(new Set(hosts.map(({ taskId }) => taskId)).size).toBe(4)
  const { agents } = await lead.agents.list({})
  expect(agents.filter(({ status }) => status === 'active')).toHaveLength(4)
  await Promise.all(hosts.map(({ child }) => child.kill()))
})

test('the process ends with 0 when its input is closed, and prints only the protocol', async () => {
  await using server = await TestServer.start()
  const { command, args, env } = commandFor(server)
  const process_ = spawn(command, args, { env: { ...process.env, ...env } })
  let output = ''
  process_.stdout.on('data', (data: Buffer) => {
    output += String(data)
  })
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    // The input of an earlier client: it names an unknown version and sends no notification after
    // it.
    params: { protocolVersion: '0.1.0', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
  }
  process_.stdin.write(
    `${JSON.stringify(initialize)}\n${JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/list' })}\n`,
  )
  await expect.poll(() => output.split('\n').length).toBe(3)
  process_.stdin.end()
  expect(await once(process_, 'exit')).toEqual([0, null])
  const lines = output.trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).id)).toEqual([1, 2])
})

test('a tool without a server names the next step, and works once there is one', async () => {
  await using server = await TestServer.start()
  const port = Number(new URL(server.url).port)
  const { folder, clock } = server
  const client = new McpClient({ name: 'test', version: '1' })
  await client.connect(new StdioClientTransport(commandFor(server)))
  await server.stop()
  const refused = await client.callTool({ name: 'who', arguments: {} })
  expect(refused).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('SERVER_UNREACHABLE') }] })
  expect(JSON.stringify(refused)).toContain('tony-mcp dev')
  await using back = await TestServer.start({ folder, clock, config: { port } })
  expect(back.url).toBe(server.url)
  expect((await client.callTool({ name: 'who', arguments: {} })).isError).toBeUndefined()
  await client.close()
})

test('a client of the previous protocol version works', async () => {
  await using server = await TestServer.start()
  const client = new OlderClient({ name: 'older', version: '1' })
  await client.connect(new OlderTransport(commandFor(server)))
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toContain('next_task')
  expect(await client.callTool({ name: 'join', arguments: {} })).toMatchObject({
    structuredContent: { role: 'developer' },
  })
  await client.close()
})
