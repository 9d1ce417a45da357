import { expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { bridgedHost, type Host, httpHost, isRecord } from './hosts.ts'

type Record_ = Readonly<Record<string, unknown>>
type Move = readonly [tool: string, args: Record_]

/** One line of the transcript. */
interface Line {
  readonly who: string
  readonly tool: string
  readonly args: Record_
  readonly result: string
}

/**
 * A scripted agent. It uses only the contents of `tools/list` and of the tool results, and does its
 * own work.
 */
interface Model {
  readonly name: string
  readonly host: Host
  /** Returns the next step for a claimed task. */
  readonly work: (task: Record_) => Move
  /** Returns the answer to a question. */
  readonly know: (question: string) => string
}

/** Returns the existing tool that a result names as the next one. */
const namedIn = (next: unknown, tools: ReadonlySet<string>): string | undefined =>
  /\bcall (\w+)/i
    .exec(String(next))
    ?.slice(1)
    .find((word) => tools.has(word))

class Play {
  readonly lines: Line[] = []
  readonly #tools: ReadonlySet<string>

  constructor(tools: ReadonlySet<string>) {
    this.#tools = tools
  }

  async move({ name, host }: Model, [tool, args]: Move): Promise<Record_> {
    expect(this.#tools).toContain(tool)
    const data = await host.did(tool, args)
    this.lines.push({ who: name, tool, args, result: JSON.stringify(data, null, 2) })
    return data
  }

  /** Runs one turn of a model: it answers its questions and then works until no task is left. */
  async turn(model: Model): Promise<void> {
    const { messages } = await this.move(model, ['inbox', {}])
    for (const message of Array.isArray(messages) ? messages : []) {
      if (!isRecord(message) || message['type'] !== 'question') continue
      const text = String(message['text'])
      const attempt = Number(/for attempt (\d+)/.exec(text)?.[1])
      await this.move(model, ['answer', { taskId: message['taskId'], attempt, answer: model.know(text) }])
    }
    for (let tool: string | undefined = 'next_task'; tool !== undefined; ) {
      const result: Record_ = await this.move(model, [tool, tool === 'next_task' ? { waitSeconds: 0 } : {}])
      const { task } = result
      if (task === null) return
      const done: Record_ = isRecord(task) ? await this.move(model, model.work(task)) : result
      tool = namedIn(done['next'], this.#tools)
    }
  }
}

const taskOf = (task: Record_): { taskId: string; title: string } => ({
  taskId: String(task['taskId']),
  title: String(task['title']),
})

const plan: Record_ = {
  tasks: [
    { key: 'write', title: 'Write the release note', description: 'One sentence on what is new.', assignedTo: 'bob' },
    { key: 'check', title: 'Check the release note', dependsOn: ['write'], assignedTo: 'ann' },
    { key: 'send', title: 'Publish the release note', dependsOn: ['check'], assignedTo: 'bob' },
  ],
}

const annWorks = (task: Record_): Move => {
  const { taskId } = taskOf(task)
  const [written] = task['dependencies'] as { result: string }[]
  expect(written?.result).toContain('| Tasks survive a restart.')
  return ['complete', { taskId, result: 'Checked: true, and short enough.' }]
}

const bobWorks = (task: Record_): Move => {
  const { taskId, title } = taskOf(task)
  if (title === 'Write the release note') return ['complete', { taskId, result: 'Tasks survive a restart.' }]
  const { answer } = task
  if (typeof answer !== 'string') {
    const question = 'Where is it to be published?'
    return ['ask', { taskId, question, options: ['web', 'mail'], notes: 'All is ready, only the place is missing.' }]
  }
  expect(task['progress']).toContain('only the place is missing')
  return ['complete', { taskId, result: answer.includes('| web') ? 'Published on the web.' : 'Sent by mail.' }]
}

/**
 * Replaces random values and values of this machine by names in the order of their first use, so
 * that every run has the same text.
 */
function steady(text: string): string {
  const names = new Map<string, string>()
  return text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
      const known = names.get(id) ?? `id-${names.size + 1}`
      names.set(id, known)
      return known
    })
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '2026-01-01T00:00:00.000Z')
}

function transcript(lines: readonly Line[]): string {
  const turns = lines.map(({ who, tool, args, result }) =>
    [`**${who}** calls \`${tool}\``, '', '```json', JSON.stringify(args), '```', '', '```json', result, '```', ''].join(
      '\n',
    ),
  )
  return [
    '# Two agents, three tasks, one question',
    '',
    'This page has every call and every result of two scripted agents, from beginning to end. The',
    'agents know only `tools/list` and the texts of the results.',
    '',
    '`tests/bridge/handover.test.ts` generates the page and fails if it differs. This command updates it:',
    '`npx vitest run tests/bridge/handover.test.ts -u`.',
    '',
    ...turns,
  ].join('\n')
}

async function play(ann: Host, bob: Host): Promise<Line[]> {
  const { tools } = await ann.client.listTools()
  const script = new Play(new Set(tools.map(({ name }) => name)))
  const lead: Model = { name: 'ann', host: ann, work: annWorks, know: () => 'web' }
  const worker: Model = { name: 'bob', host: bob, work: bobWorks, know: () => '' }
  await script.move(lead, ['join', { name: 'ann', type: 'tech-lead' }])
  await script.move(worker, ['join', { name: 'bob' }])
  await script.move(lead, ['add_tasks', plan])
  for (let turn = 0; turn < 3; turn += 1) for (const model of [worker, lead]) await script.turn(model)
  await script.turn(worker)
  return script.lines
}

const callsOf = (lines: readonly Line[], name: string): number => lines.filter(({ who }) => who === name).length

test('two agents that know only the texts of the tools finish three tasks, with a question in between, in at most 20 calls each', async () => {
  await using server = await TestServer.start()
  await using ann = await bridgedHost(server)
  await using bob = await bridgedHost(server)
  const lines = await play(ann, bob)
  const { tasks } = await server.connect().tasks.list({})
  expect(tasks.map(({ title, status, attempt, result }) => [title, status, attempt, result])).toEqual([
    ['Write the release note', 'completed', 1, 'Tasks survive a restart.'],
    ['Check the release note', 'completed', 1, 'Checked: true, and short enough.'],
    ['Publish the release note', 'completed', 2, 'Published on the web.'],
  ])
  expect(callsOf(lines, 'ann')).toBeLessThanOrEqual(20)
  expect(callsOf(lines, 'bob')).toBeLessThanOrEqual(20)
  await expect(steady(transcript(lines))).toMatchFileSnapshot('../../docs/agents-transcript.md')
})

test('two such agents finish them over HTTP alone', async () => {
  await using server = await TestServer.start()
  await using ann = await httpHost(server)
  await using bob = await httpHost(server)
  const lines = await play(ann, bob)
  const { tasks } = await server.connect().tasks.list({ status: 'completed' })
  expect(tasks).toHaveLength(3)
  expect(Math.max(callsOf(lines, 'ann'), callsOf(lines, 'bob'))).toBeLessThanOrEqual(20)
})
