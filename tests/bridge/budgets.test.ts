import { formatHookOutput, hookHosts } from '@tony/mcp-bridge/hooks/hook-output'
import { toUntrustedText } from '@tony/mcp-shared/untrusted-text'
import { type HostLimits, hostLimitsOf, type OutputLimit } from '@tony/mcp-tools/host-limits'
import { describe, expect, test } from 'vitest'
import { dice } from '../support/dice.ts'
import { roundsOf } from '../support/rounds.ts'
import { TestServer } from '../support/server.ts'
import { bridgedHost, delivered, type Host, httpHost } from './hosts.ts'
import { expectWithin, hooksOf, linesOf, Reader } from './reader.ts'

/** Random texts for each host. With all of them, each host reads over each transport. */
const textCount = roundsOf({ part: 5, full: 20, variable: 'BUDGET_TEXTS' })
const isFull = textCount >= 20

/** Returns all hosts in all rounds, and otherwise every second one. */
const someOf = <T>(hosts: readonly T[]): readonly T[] => hosts.filter((_, index) => isFull || index % 2 === 0)

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

const letters = { ASCII: 'x', CJK: '\u4efb' } as const
type Letters = keyof typeof letters
const transportNames = Object.keys(transports) as Transport[]

/** Each host by a bridge, and one over HTTP; in all rounds each of them, and with CJK as well. */
const hosts: [Transport, string, Letters][] = isFull
  ? transportNames.flatMap((transport) =>
      hostNames.flatMap((name): [Transport, string, Letters][] => [
        [transport, name, 'ASCII'],
        [transport, name, 'CJK'],
      ]),
    )
  : [
      ...hostNames.map((name): [Transport, string, Letters] => ['by a bridge', name, 'ASCII']),
      ['by a bridge', 'cursor-vscode', 'CJK'],
      ['over HTTP', 'codex-mcp-client', 'ASCII'],
    ]

/** The digits of an id cost more tokens than its letters, so the limit differs between messages. */
const differences = 40

/**
 * Searches for the longest text that is shown whole. A shorter one is then one part, and a longer
 * one two.
 */
async function expectLongest(limit: OutputLimit, partsOf: (length: number) => Promise<1 | 2>): Promise<void> {
  let [low, high] = [Math.floor(limit.characters / 40), limit.characters]
  while (high - low > differences) {
    const middle = Math.floor((low + high) / 2)
    if ((await partsOf(middle)) === 1) low = middle
    else high = middle
  }
  expect(await partsOf(low - differences)).toBe(1)
  expect(await partsOf(high + differences)).toBe(2)
}

/** Reads the rest of a message of which an output has shown a part. Returns the length of both. */
async function lengthWithRest(host: Host, limits: HostLimits, id: string, shown: string): Promise<number> {
  const reader = new Reader(host, limits)
  const [, offset] = /offset (\d+) /.exec(shown) ?? []
  await reader.readInbox({ messageId: id, offset: Number(offset) })
  return linesOf(shown).length + (reader.texts.get(id)?.length ?? 0)
}

test.each(hosts)(
  '%s, %s shows the largest text whole, and a longer one in two parts: %s',
  async (transport, clientName, alphabet) => {
    await using server = await TestServer.start()
    await using host = await transports[transport](server, clientName)
    const limits = hostLimitsOf(clientName)
    const to = await nameOf(host)
    await expectLongest(limits.result, async (length) => {
      const [id = ''] = await sendTexts(server, to, [letters[alphabet].repeat(length)])
      const { text, data } = await host.call('inbox', { waitSeconds: 1 })
      expectWithin(text, limits.result)
      const isWhole = !JSON.stringify(data).includes('more characters')
      await host.call('who')
      expect(await statusesOf(server, [id])).toEqual([isWhole ? 'acked' : 'delivered'])
      if (isWhole) return 1
      const [{ text: shown } = { text: '' }] = data['messages'] as { text: string }[]
      expect(await lengthWithRest(host, limits, id, shown)).toBe(length)
      await host.call('who')
      expect(await statusesOf(server, [id])).toEqual(['acked'])
      return 2
    })
  },
)

test.each(someOf(hookHosts))(
  'a hook of %s shows the largest text whole, and a longer one in two parts',
  async (name) => {
    await using server = await TestServer.start()
    await using host = await bridgedHost(server, {}, name)
    const limits = hostLimitsOf(name)
    const to = await nameOf(host)
    const hooks = hooksOf(server, host)
    const show = () => hooks.getContent({ upTo: 'digest', host: name, abandoned: new AbortController().signal })
    await expectLongest(limits.hook, async (length) => {
      const [id = ''] = await sendTexts(server, to, [letters.CJK.repeat(length)])
      await delivered(server, 1)
      const content = await show()
      expectWithin(formatHookOutput('tool', name, content), limits.hook)
      const isWhole = !content.includes('more characters')
      if (!isWhole) expect(await lengthWithRest(host, limits, id, content)).toBe(length)
      expect(await statusesOf(server, [id])).toEqual(['delivered'])
      expect(await show()).toBe('')
      expect(await statusesOf(server, [id])).toEqual(['acked'])
      return isWhole ? 1 : 2
    })
  },
)

describe.each(transportNames)('%s', (transport) => {
  test.each(someOf(hostNames))(
    'messages of random sizes are read whole, in order and once, by %s',
    async (clientName) => {
      await using server = await TestServer.start()
      await using host = await transports[transport](server, clientName)
      // The last one is longer than any output.
      const texts = [...randomTexts(hostNames.indexOf(clientName), textCount), letters.CJK.repeat(20_000)]
      const ids = await sendTexts(server, await nameOf(host), texts)
      const reader = new Reader(host, hostLimitsOf(clientName))
      while (await reader.readInbox()) {
        const statuses = await statusesOf(server, ids)
        const acked = ids.filter((_, index) => statuses[index] === 'acked')
        expect(acked.filter((id) => !reader.finished.includes(id))).toEqual([])
      }
      expect(reader.finished).toEqual(ids)
      expect(ids.map((id) => reader.texts.get(id))).toEqual(texts.map(toUntrustedText))
      expect(new Set(await statusesOf(server, ids))).toEqual(new Set(['acked']))
    },
  )

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
    const { result: limit } = hostLimitsOf('claude-code')
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

test.each(someOf(hookHosts))(
  'the hooks of %s show ten messages within their size, and the rest at the next ones',
  async (name) => {
    await using server = await TestServer.start()
    await using host = await bridgedHost(server, {}, name)
    const texts = [...randomTexts(7, 9), 'x'.repeat(10_500)]
    const ids = await sendTexts(server, await nameOf(host), texts)
    await delivered(server, ids.length)
    const reader = new Reader(host, hostLimitsOf(name))
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
