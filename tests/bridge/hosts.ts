import { join } from 'node:path'
import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import { type Bridge, openBridge } from '@tony/mcp-bridge/bridge'
import type { Clock } from '@tony/mcp-bridge/clock'
import { readBridgeConfig } from '@tony/mcp-bridge/environment'
import { expect } from 'vitest'
import type { TestServer } from '../support/server.ts'

type Arguments = Readonly<Record<string, unknown>>

/** The parts of a tool's result that a host reads. */
export interface Answer {
  readonly ok: boolean
  readonly text: string
  readonly data: Readonly<Record<string, unknown>>
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** A host of a coding agent. The test is its model, and it keeps every received byte. */
export class Host implements AsyncDisposable {
  readonly client: McpClient
  /** The messages and results that the host has received. */
  readonly heard: string[]
  /** The names of the tools that its model has called. */
  readonly calls: string[] = []
  readonly #close: () => Promise<void>

  constructor(client: McpClient, heard: string[], close: () => Promise<void>) {
    this.client = client
    this.heard = heard
    this.#close = close
  }

  async call(name: string, args: Arguments = {}, signal?: AbortSignal): Promise<Answer> {
    this.calls.push(name)
    const options = { timeout: 100_000_000, ...(signal ? { signal } : {}) }
    const { content, isError, structuredContent } = await this.client.callTool({ name, arguments: args }, options)
    const text = content.map((block) => (block.type === 'text' ? block.text : block.type)).join('\n')
    return { ok: isError !== true, text, data: isRecord(structuredContent) ? structuredContent : {} }
  }

  /** Calls a tool and fails the test if the tool fails. */
  async did(name: string, args: Arguments = {}): Promise<Answer['data']> {
    const { ok, text, data } = await this.call(name, args)
    if (!ok) throw new Error(`${name} failed: ${text}`)
    return data
  }

  /** Takes the next task and returns its id. Fails the test if there is none. */
  async takes(args: Arguments = {}): Promise<string> {
    const { task } = await this.did('next_task', args)
    if (!isRecord(task)) throw new Error('there was no task')
    return String(task['taskId'])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}

/**
 * Advances the clock by one heartbeat interval at a time. The server has received each heartbeat
 * before the next.
 */
export async function beats(server: TestServer, taskId: string, count: number): Promise<void> {
  const lead = server.connect()
  const end = async () => Date.parse((await lead.tasks.get({ taskId })).leaseExpiresAt ?? '')
  for (let beat = 0; beat < count; beat += 1) {
    const before = await end()
    await server.advance(10_000)
    await expect.poll(end, { interval: 2 }).toBeGreaterThan(before)
  }
}

/** Waits until this number of messages was delivered to bridges. */
export async function delivered(server: TestServer, count: number): Promise<void> {
  const lead = server.connect()
  const there = async () => (await lead.messages.list({ status: 'delivered' })).messages.length
  await expect.poll(there, { interval: 5 }).toBe(count)
}

/** Records all messages through one end of a transport. */
function overheard(heard: string[]) {
  const [near, far] = InMemoryTransport.createLinkedPair()
  const send = far.send.bind(far)
  far.send = (message, options) => {
    heard.push(JSON.stringify(message))
    return send(message, options)
  }
  return { near, far }
}

/** A server, with a folder for the state of bridges and their clock. */
export interface BridgedServer {
  readonly url: string
  readonly folder: string
  readonly clock: Clock
}

/** Starts a host with a bridge in this process. The bridge uses the clock of the server. */
export async function bridgedHost(
  server: BridgedServer,
  env: Readonly<Record<string, string>> = {},
  clientName = 'test-host',
): Promise<Host & { bridge: Bridge }> {
  const config = readBridgeConfig({
    TONY_MCP_URL: server.url,
    TONY_MCP_STATE_DIR: join(server.folder, 'state'),
    TONY_MCP_WORKSPACE: server.folder,
    ...env,
  })
  const bridge = openBridge(config, server.clock)
  const heard: string[] = []
  const { near, far } = overheard(heard)
  const served = bridge.connect()
  await served.connect(far)
  const client = new McpClient({ name: clientName, version: '1.0.0' })
  await client.connect(near)
  const host = new Host(client, heard, async () => {
    await client.close()
    await bridge.close()
  })
  return Object.assign(host, { bridge })
}

/** Starts a host that uses HTTP only. `at` returns the replica for each HTTP request. */
export async function httpHost(
  server: { readonly url: string },
  headers: Readonly<Record<string, string>> = {},
  at: () => { readonly url: string } = () => server,
  clientName = 'test-host',
): Promise<Host> {
  const heard: string[] = []
  const transport = new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), {
    requestInit: { headers: { ...headers } },
    fetch: async (url, init) => {
      const response = await fetch(String(url).replace(server.url, at().url), init)
      const copy = response.clone()
      copy.text().then(
        (text) => heard.push(text),
        () => undefined,
      )
      return response
    },
  })
  const client = new McpClient({ name: clientName, version: '1.0.0' })
  await client.connect(transport)
  return new Host(client, heard, async () => {
    await transport.terminateSession().catch(() => undefined)
    await client.close()
  })
}
