import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'

/**
 * A client of Tony 2.8: it reads the first line that begins with `data: ` and sends the session id
 * that it received.
 */
class TonyClient {
  readonly #url: string
  #session: string | undefined
  #id = 0

  constructor(url: string) {
    this.#url = url
  }

  async ask(method: string, params: object = {}): Promise<Record<string, unknown>> {
    this.#id += 1
    const response = await fetch(`${this.#url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(this.#session === undefined ? {} : { 'mcp-session-id': this.#session }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: this.#id, method, params }),
    })
    this.#session ??= response.headers.get('mcp-session-id') ?? undefined
    const line = (await response.text()).split('\n').find((one) => one.startsWith('data: '))
    if (line === undefined) throw new Error('there is no line that begins with "data: "')
    const { id, result } = JSON.parse(line.slice('data: '.length))
    expect(id).toBe(this.#id)
    return result
  }

  async tool(name: string, args: object = {}): Promise<Record<string, unknown>> {
    const result = await this.ask('tools/call', { name, arguments: args })
    const [block] = result['content'] as { text: string }[]
    return JSON.parse(block?.text ?? '')
  }

  get session(): string | undefined {
    return this.#session
  }
}

test('an earlier client connects, lists, creates and calls, unchanged', async () => {
  await using server = await TestServer.start()
  const client = new TonyClient(server.url)
  const clientInfo = { name: 'tony-framework', version: '2.8.0' }
  const begun = await client.ask('initialize', { protocolVersion: '0.1.0', capabilities: {}, clientInfo })
  expect(begun).toMatchObject({ serverInfo: { name: 'tony-mcp' }, capabilities: { tools: {} } })
  expect(client.session).toMatch(/^tony-framework\./)
  const { tools } = await client.ask('tools/list')
  const listed = (tools as { name: string; description: string }[]).filter(({ name }) => name.startsWith('tony_'))
  expect(listed.map(({ name }) => name)).toEqual([
    'tony_project_create',
    'tony_project_list',
    'tony_agent_create',
    'tony_agent_status',
  ])
  const project = await client.tool('tony_project_create', { name: 'shop', path: '/srv/shop' })
  expect(project).toMatchObject({ name: 'shop', path: '/srv/shop', status: 'active', created: true })
  expect(await client.tool('tony_project_create', { name: 'shop' })).toMatchObject({
    id: project['id'],
    created: false,
  })
  const { projects } = await client.tool('tony_project_list')
  expect(projects).toMatchObject([{ name: 'default' }, { name: 'shop', status: 'active' }])
  const agent = await client.tool('tony_agent_create', { projectId: project['id'], name: 'ada', type: 'qa' })
  expect(agent).toMatchObject({ name: 'ada', type: 'qa', role: 'tester', created: true })
  const again = await client.tool('tony_agent_create', { projectId: project['id'], name: 'ada', type: 'qa' })
  expect(again).toMatchObject({ id: agent['id'], created: false })
  const status = { projectId: project['id'], agentId: agent['agentId'] }
  expect(await client.tool('tony_agent_status', status)).toMatchObject({ name: 'ada', state: 'idle', status: 'idle' })
  const all = await client.tool('tony_agent_status', { projectId: project['id'] })
  expect(all).toMatchObject({ agents: [{ name: 'ada' }] })
})

test('earlier clients are listed, and the ids of their sessions are not', async () => {
  await using server = await TestServer.start()
  const client = new TonyClient(server.url)
  await client.ask('initialize', { protocolVersion: '0.1.0', capabilities: {}, clientInfo: { name: 'tony-framework' } })
  const { name } = await client.tool('join')
  const response = await fetch(`${server.url}/sessions`)
  const text = await response.text()
  expect(JSON.parse(text)).toMatchObject({ count: 1, sessions: [{ name, status: 'idle' }] })
  expect(text).not.toContain(client.session)
})
