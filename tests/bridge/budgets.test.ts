import { toUntrustedText } from '@tony/mcp-shared/untrusted-text'
import { limitsOf } from '@tony/mcp-tools/host-limits'
import { describe, expect, test } from 'vitest'
import { dice } from '../support/dice.ts'
import { TestServer } from '../support/server.ts'
import { bridgedHost, delivered, type Host, httpHost } from './hosts.ts'
import { expectWithin, hooksOf, Reader } from './reader.ts'

const hostNames = ['claude-code', 'codex-mcp-client', 'gemini-cli-mcp-client', 'Visual Studio Code', 'cursor-vscode']

const transports = {
  'by a bridge': (server: TestServer, name: string) => bridgedHost(server, {}, name),
  'over HTTP': (server: TestServer, name: string) => httpHost(server, {}, undefined, name),
} as const
type Transport = keyof typeof transports

const nameOf = async (host: Host): Promise<string> => String((await host.did('join'))['name'])

/** Sends texts to one agent, one after another. Returns the ids of the messages. */
async function sendTexts(server: TestServer, to: string, payloads: readonly unknown[]): Promise<string[]> {
  const lead = server.connect()
  const ids: string[] = []
  for (const payload of payloads) {
    const { recipients } = await lead.messages.send({ to, type: 'note', payload, mode: 'digest' })
    ids.push(...recipients.map(({ messageId }) => messageId))
  }
  return ids
}

async function statusesOf(server: TestServer, ids: readonly string[]): Promise<string[]> {
  const lead = server.connect()
  return Promise.all(ids.map(async (messageId) => (await lead.messages.get({ messageId })).status))
}

const alphabets = [
  'x',
  'The tests pass. ',
  '\n',
  '{"a":[1,2]}',
  '"\\',
  '\u4efb\u52a1\u5df2\u5b8c\u6210',
  '\u0417\u0430\u0434\u0430\u0447\u0430 ',
  '\ud83d\ude80',
]

/** Returns texts of random lengths and alphabets. */
function randomTexts(seed: number, count: number): string[] {
  const roll = dice(seed)
  return Array.from({ length: count }, () => {
    const alphabet = alphabets[roll(alphabets.length)] ?? ''
    const length = [roll(100), roll(3_000), roll(70_000)][roll(3)] ?? 0
    return `${roll(1_000_000)}${alphabet.repeat(Math.ceil(length / alphabet.length))}`
  })
}

const hosts: [Transport, string][] = [
  ...hostNames.map((name): [Transport, string] => ['by a bridge', name]),
  ['over HTTP', 'codex-mcp-client'],
]

test.each(hosts)(
  '%s, %s shows the largest text whole, and a longer one in two parts',
  async (transport, clientName) => {
    await using server = await TestServer.start()
    await using host = await transports[transport](server, clientName)
    const limits = limitsOf(clientName)
    const to = await nameOf(host)
    const partsOf = async (length: number) => {
      const [id = ''] = await sendTexts(server, to, ['x'.repeat(length)])
      const { text, data } = await host.call('inbox', { waitSeconds: 1 })
      expectWithin(text, limits.result)
      const isWhole = !JSON.stringify(data).includes('more characters')
      await host.call('who')
      expect(await statusesOf(server, [id])).toEqual([isWhole ? 'acked' : 'delivered'])
      if (isWhole) return 1
      const reader = new Reader(host, limits)
      const [, offset] = /offset (\d+) /.exec(text) ?? []
      await reader.readInbox({ messageId: id, offset: Number(offset) })
      expect(Number(offset) + (reader.texts.get(id)?.length ?? 0)).toBe(length)
      await host.call('who')
      expect(await statusesOf(server, [id])).toEqual(['acked'])
      return 2
    }
    let [low, high] = [Math.floor(limits.result.characters / 4), limits.result.characters]
    // The digits of an id cost more tokens than its letters, so the limit differs between messages.
    const differences = 40
    while (high - low > differences) {
      const middle = Math.floor((low + high) / 2)
      if ((await partsOf(middle)) === 1) low = middle
      else high = middle
    }
    expect(await partsOf(low - differences)).toBe(1)
    expect(await partsOf(high + differences)).toBe(2)
  },
)

describe.each(Object.keys(transports) as Transport[])('%s', (transport) => {
  test.each([1, 3])('messages of random sizes are read whole, in order and once: seed %i', async (seed) => {
    const clientName = hostNames[seed] ?? ''
    await using server = await TestServer.start()
    await using host = await transports[transport](server, clientName)
    const texts = randomTexts(seed, 20)
    const ids = await sendTexts(server, await nameOf(host), texts)
    const reader = new Reader(host, limitsOf(clientName))
    while (await reader.readInbox()) {
      const statuses = await statusesOf(server, ids)
      const acked = ids.filter((_, index) => statuses[index] === 'acked')
      expect(acked.filter((id) => !reader.finished.includes(id))).toEqual([])
    }
    expect(reader.finished).toEqual(ids)
    expect(ids.map((id) => reader.texts.get(id))).toEqual(texts.map(toUntrustedText))
    expect(new Set(await statusesOf(server, ids))).toEqual(new Set(['acked']))
  })

  test('a task with long texts and ten long messages beside it stay within the size of a result', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    await using host = await transports[transport](server, 'claude-code')
    const to = await nameOf(host)
    const first = await lead.tasks.create({ type: 'code', key: 'first' })
    await host.takes()
    const result = 'r'.repeat(60_000)
    await host.did('complete', { taskId: first.id, result })
    const description = `begin ${'d'.repeat(60_000)} end`
    const { id: taskId } = await lead.tasks.create({ type: 'code', description, dependsOn: [first.id] })
    for (let index = 0; index < 10; index += 1)
      await lead.messages.send({ to, type: 'note', payload: `${index}${'m'.repeat(15_000)}`, mode: 'turn_end' })
    const { result: limit } = limitsOf('claude-code')
    const { text, data } = await host.call('next_task')
    expectWithin(text, limit)
    let read = ''
    for (let shown = (data['task'] as { description: string }).description; ; ) {
      read += shown
        .split('\n')
        .flatMap((line) => (line.startsWith('| ') ? [line.slice(2)] : []))
        .join('\n')
      const [, field, offset] = /call explain with taskId "\S+", text "(\w+)" and offset (\d+)/.exec(shown) ?? []
      if (offset === undefined) break
      const rest = await host.call('explain', { taskId, text: field, offset: Number(offset) })
      expectWithin(rest.text, limit)
      shown = String(rest.data['text'])
    }
    expect(read).toBe(description)
  })
})

test.each(['claude-code', 'codex', 'cursor'] as const)(
  'the hooks of %s show ten messages within their size, and the rest at the next ones',
  async (name) => {
    await using server = await TestServer.start()
    await using host = await bridgedHost(server, {}, name)
    const texts = [...randomTexts(7, 9), 'x'.repeat(10_500)]
    const ids = await sendTexts(server, await nameOf(host), texts)
    await delivered(server, ids.length)
    const reader = new Reader(host, limitsOf(name))
    const hooks = hooksOf(server, host)
    while (await reader.runHook(hooks, name)) {
      const statuses = await statusesOf(server, ids)
      const acked = ids.filter((_, index) => statuses[index] === 'acked')
      expect(acked.filter((id) => !reader.finished.includes(id))).toEqual([])
    }
    expect(reader.finished).toEqual(ids)
    expect(ids.map((id) => reader.texts.get(id))).toEqual(texts.map(toUntrustedText))
  },
)

test('the author of a long text is told that its readers get it in parts', async () => {
  await using server = await TestServer.start()
  await using host = await bridgedHost(server)
  await host.did('join')
  const next = async (text: string) => (await host.did('send', { to: '*', text }))['next']
  await using _ = await bridgedHost(server, { TONY_MCP_SESSION: 'other' })
  await server.agent('reader')
  expect(await next('short')).not.toContain('in parts')
  expect(await next('x'.repeat(20_000))).toContain('some readers get it in parts')
})
