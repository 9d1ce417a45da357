import type { TestAgent, TestServer } from '../support/server.ts'

/** The texts that agents write. A test of hostile texts passes others. */
export interface FleetTexts {
  readonly title: (n: number) => string
  readonly text: (n: number) => string
  readonly name: (n: number) => string
  /** Returns the word of a type, an epic, a thread or a lock. */
  readonly word: (word: string) => string
}

const plainTexts: FleetTexts = {
  title: (n) => `Part ${n} of the shop`,
  text: (n) => `Note ${n}: the tests of this part pass.`,
  name: (n) => `agent-${String(n).padStart(2, '0')}`,
  word: (word) => word,
}

/** A fleet in the middle of its work, with ids of the things that tests look for. */
export interface Fleet {
  readonly agents: readonly TestAgent[]
  readonly ids: Readonly<Record<'running' | 'question' | 'review' | 'failed' | 'waiting' | 'lacking' | 'root', string>>
}

/** Longer than a test takes, because nothing extends the leases. */
const leaseMs = 3_600_000

const epics = ['accounts', 'checkout', 'search']

async function registerAgents(server: TestServer, count: number, texts: FleetTexts): Promise<TestAgent[]> {
  const agents: TestAgent[] = []
  for (let n = 0; n < count; n += 1)
    agents.push(
      await server.agent(texts.name(n), {
        type: texts.word('implementation'),
        role: 'developer',
        capabilities: n % 2 === 0 ? [texts.word('ui')] : [],
        metadata: { note: texts.text(n) },
      }),
    )
  return agents
}

async function claimOne(agent: TestAgent) {
  const [task] = (await agent.tasks.claim({ leaseMs })).tasks
  if (!task) throw new Error(`${agent.name} found no task`)
  return { taskId: task.id, leaseToken: task.leaseToken }
}

/** Creates a plan of one root with parts that wait for each other. */
async function createPlan(server: TestServer, texts: FleetTexts): Promise<string> {
  const lead = server.connect()
  const epic = texts.word('release')
  const { tasks } = await lead.tasks.createMany({
    tasks: [
      { key: 'root', type: 'epic', epic, title: texts.title(900), requires: ['nobody'] },
      { key: 'a', type: 'code', epic, parentId: 'root', title: texts.title(901), requires: ['nobody'] },
      { key: 'b', type: 'code', epic, parentId: 'root', title: texts.title(902), dependsOn: ['a'] },
      { key: 'c', type: 'test', epic, parentId: 'root', title: texts.title(903), dependsOn: ['b'] },
      { key: 'd', type: 'docs', epic, parentId: 'root', title: texts.title(904), requires: ['nobody'] },
    ],
  })
  lead.close()
  return tasks[0]?.id ?? ''
}

async function sendMessages(server: TestServer, agents: readonly TestAgent[], texts: FleetTexts): Promise<void> {
  const lead = server.connect()
  for (const [n, agent] of agents.slice(0, 10).entries())
    await lead.messages.send({
      to: agent.id,
      type: 'note',
      payload: { text: texts.text(n) },
      threadId: `thread-${n % 3}`,
    })
  const [first, second] = agents
  if (!(first && second)) return
  await first.messages.send({ to: second.id, type: 'note', payload: { text: texts.text(50) }, maxDeliver: 1 })
  for (const { id, receipt, threadId } of (await second.messages.receive({ limit: 10 })).messages) {
    if (threadId === null) await second.messages.nak({ messageId: id, receipt, error: texts.text(51) })
    else await second.messages.ack({ messageId: id, receipt })
  }
  lead.close()
}

/** Each of these agents has a task with another fate. */
async function runTasks(agents: readonly TestAgent[], texts: FleetTexts) {
  const [asker, submitter, failer, done, ...others] = agents
  if (!(asker && submitter && failer && done)) throw new Error('a fleet has at least four agents')
  const question = await claimOne(asker)
  await asker.tasks.requestInput({ ...question, question: texts.text(60), options: [texts.word('yes'), 'no'] })
  const review = await claimOne(submitter)
  await submitter.tasks.complete({ ...review, result: { note: texts.text(61) } })
  const failed = await claimOne(failer)
  await failer.tasks.fail({ ...failed, error: texts.text(62), retryable: false })
  const completed = await claimOne(done)
  await done.tasks.complete({ ...completed, result: { note: texts.text(63) } })
  let running = ''
  for (const [n, agent] of others.entries()) {
    const lease = await claimOne(agent)
    running = lease.taskId
    const artifacts = [{ name: texts.word('log'), uri: `javascript:${texts.word('log')}` }]
    await agent.tasks.progress({ ...lease, percent: n % 100, message: texts.text(n), artifacts })
  }
  return { question: question.taskId, review: review.taskId, failed: failed.taskId, running }
}

/** Registers agents and gives them work, questions, failures, locks, messages and a plan. */
export async function createFleet(server: TestServer, count = 50, texts: FleetTexts = plainTexts): Promise<Fleet> {
  const lead = server.connect()
  await lead.projects.setPools({ pools: { gpu: 2, staging: 0 } })
  const agents = await registerAgents(server, count, texts)
  const specs = Array.from({ length: count }, (_, n) => ({
    type: texts.word(n % 3 === 0 ? 'test' : 'code'),
    title: texts.title(n),
    description: texts.text(n),
    epic: texts.word(epics[n % epics.length] ?? 'accounts'),
    story: texts.word('story'),
    design: texts.text(n),
    acceptanceCriteria: texts.text(n),
    notes: texts.text(n),
    priority: 'high' as const,
    acceptance: n === 1 ? ('verify' as const) : ('complete' as const),
    locks: n % 5 === 4 ? [n % 10 === 4 ? `file:src/part-${n}` : `port:${texts.word('web')} ${n}`] : [],
    metadata: { note: texts.text(n) },
  }))
  await lead.tasks.createMany({ tasks: specs })
  const fates = await runTasks(agents, texts)
  const root = await createPlan(server, texts)
  const waiting = await lead.tasks.create({ type: 'code', title: texts.title(800), locks: ['file:src/part-4'] })
  const lacking = await lead.tasks.create({ type: 'code', title: texts.title(801), requires: ['cobol'] })
  await agents[4]?.tasks.claim({})
  await sendMessages(server, agents, texts)
  lead.close()
  return { agents, ids: { ...fates, root, waiting: waiting.id, lacking: lacking.id } }
}
