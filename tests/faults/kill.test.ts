import { join } from 'node:path'
import { type Client, type ClientOptions, createClient, TonyError } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { upTo } from '../store/given.ts'
import { Child } from '../support/child.ts'
import { dice } from '../support/dice.ts'
import { History } from '../support/history.ts'
import { StoreFolder } from '../support/store.ts'
import { verify } from '../support/verify.ts'

const kills = 5

/**
 * Bound of the test and of each call. The test ends when its work is done: six starts of a server
 * and 400 tasks take 10 s on an idle machine, and minutes at a load of 15.
 */
const patienceMs = 900_000

const tasks = 400
const names = ['ada', 'bob', 'cyd', 'dan']

/** Counts the replies to all clients, and lets a test wait for a number of further replies. */
class Answers {
  #count = 0
  #waiting: { at: number; reached: () => void } | undefined

  readonly count = (): void => {
    this.#count += 1
    if (this.#waiting && this.#count >= this.#waiting.at) this.#waiting.reached()
  }

  after(more: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { at: this.#count + more, reached: resolve }
    })
  }
}

/** Starts a server that can be killed and restarted on the same file and port. */
async function serveOn(
  children: AsyncDisposableStack,
  folder: StoreFolder,
  port: string,
): Promise<{ child: Child; url: string }> {
  const child = children.use(new Child('serve.ts', folder.file, port))
  return { child, url: await child.says('ready') }
}

/** Makes a call. If its outcome is unknown, returns undefined, and the client continues. */
const unlessLost = async <T>(call: Promise<T>): Promise<T | undefined> =>
  call.catch((error: unknown) => {
    if (
      error instanceof TonyError &&
      (error.retryable || error.code === 'STALE_LEASE' || error.code === 'STALE_RECEIPT')
    )
      return undefined
    throw error
  })

/**
 * Claims tasks, sends a message about each, completes it and acks the messages of its inbox, until
 * all tasks are done.
 */
async function work(client: Client, name: string, roll: (sides: number) => number, done: Set<string>): Promise<void> {
  while (done.size < tasks) {
    const claimed = await unlessLost(client.tasks.claim({ leaseMs: 5_000, waitMs: 200 }))
    const [task] = claimed?.tasks ?? []
    if (task) {
      const others = names.filter((other) => other !== name)
      const to = others[roll(others.length)] ?? '*'
      await unlessLost(client.messages.send({ to, type: 'done', payload: { task: task.id, by: name } }))
      const result = { by: name }
      if (await unlessLost(client.tasks.complete({ taskId: task.id, leaseToken: task.leaseToken, result })))
        done.add(task.id)
    }
    const mail = await unlessLost(client.messages.receive({ limit: 5 }))
    for (const { id, receipt } of mail?.messages ?? [])
      await unlessLost(client.messages.ack({ messageId: id, receipt }))
  }
}

/** Records every event of the log in its order until this number of tasks is completed. */
async function watch(client: Client, history: History, until: number): Promise<void> {
  let completed = 0
  history.note('watch', { watcher: 'wall', from: 0 })
  for await (const { seq, type, subject } of client.events.subscribe({ cursor: 'start' })) {
    if (type !== 'checkpoint') history.note('event', { watcher: 'wall', seq, type, subject })
    if (type === 'task.completed') completed += 1
    if (completed === until) return
  }
}

/** The clients of one run, each with its history. */
class Crew implements Disposable {
  readonly answers = new Answers()
  readonly histories: History[] = []
  readonly #clients: Client[] = []
  readonly #folder: StoreFolder
  readonly #url: string

  constructor(folder: StoreFolder, url: string) {
    this.#folder = folder
    this.#url = url
  }

  connect(name: string, options: ClientOptions = {}): { client: Client; history: History } {
    const history = new History(join(this.#folder.path, `${name}.jsonl`), name)
    const onCall: NonNullable<ClientOptions['onCall']> = (record) => {
      history.onCall(record)
      if (record.type === 'ok') this.answers.count()
    }
    const client = createClient({ url: this.#url, deadlineMs: patienceMs, ...options, onCall })
    this.#clients.push(client)
    this.histories.push(history)
    return { client, history }
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close()
  }
}

/** Creates tasks in tens. The last task of each ten depends on the one before it. */
async function createTasks(client: Client): Promise<void> {
  for (const batch of upTo(tasks / 100)) {
    const specs = upTo(100).map((index) => ({
      key: `${index}`,
      type: 'code',
      title: `${batch}.${index}`,
      dependsOn: index % 10 === 0 ? [`${index - 1}`] : [],
    }))
    await client.tasks.createMany({ tasks: specs })
  }
}

test('no acknowledged write is lost and the feed has no gap when the server is killed five times during work', {
  timeout: patienceMs,
}, async () => {
  using folder = new StoreFolder()
  await using children = new AsyncDisposableStack()
  const roll = dice(20_260_101)
  let { child, url } = await serveOn(children, folder, '0')
  using crew = new Crew(folder, url)
  const lead = crew.connect('lead')
  await createTasks(lead.client)
  const register = (name: string) =>
    lead.client.agents.register({ name, type: 'implementation', clientInstanceId: `the secret of ${name}` })
  const agents = await Promise.all(names.map(async (name) => ({ name, token: (await register(name)).token })))
  const wall = crew.connect('wall')
  const watching = watch(wall.client, wall.history, tasks)
  const done = new Set<string>()
  const working = Promise.all(
    agents.map(({ name, token }) => work(crew.connect(name, { token }).client, name, roll, done)),
  )
  for (const _ of upTo(kills)) {
    await Promise.race([crew.answers.after(20 + roll(200)), working])
    await child.kill()
    child = (await serveOn(children, folder, new URL(url).port)).child
  }
  await Promise.all([working, watching])
  await child.kill()
  const report = verify({
    histories: crew.histories.map(({ file }) => file),
    database: folder.file,
    expectFinished: false,
  })
  process.stdout.write(`${kills} kills: ${JSON.stringify(report.counted)}\n`)
  expect(report.violations).toEqual([])
  expect(report.counted).toMatchObject({ tasks, completions: done.size })
  expect(report.counted['sends']).toBeGreaterThan(0)
  expect(report.counted['watched']).toBeGreaterThan(0)
})
