import type { Client, LeasedTask } from '@tony/mcp-client'
import { describe, expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { Database, postgresServer } from '../support/postgres.ts'
import { type TestAgent, TestServer } from '../support/server.ts'
import { miscountsBy } from '../support/verify/miscounts.ts'
import { below, codeOf, inOneBatch } from './one-batch.ts'

type NewTask = Parameters<Client['tasks']['create']>[0]
type Call = () => Promise<unknown>

const once = { once: true } as const

/** New tasks: of two claim groups, an assignee and a paused epic, with locks and repeated keys. */
function creationsOf(): NewTask[] {
  const plain = below(40).map((index): NewTask => {
    const priority = index % 5 === 0 ? 'high' : 'medium'
    const requires = index % 3 === 0 ? ['code', 'docs'] : ['code']
    return { type: 'work', title: `plain ${index}`, priority, requires, idempotencyKey: `key ${index}` }
  })
  const locked = below(4).map((index): NewTask => {
    const locks = [index < 2 ? 'key:one' : 'key:two', 'pool:few']
    return { type: 'work', title: `locked ${index}`, priority: 'critical', locks, requires: ['locks'] }
  })
  return [
    ...plain.slice(0, 9),
    { type: 'work', title: 'of one agent', assignedTo: 'agent 3', priority: 'critical' },
    { type: 'work', title: 'without a pool', locks: ['pool:none'] },
    ...locked,
    { type: 'work', title: 'another input', idempotencyKey: 'key 4' },
    ...plain.slice(5, 6),
    { type: 'work', title: 'of a paused epic', epic: 'paused', priority: 'critical', requires: ['locks'] },
    { type: 'work', title: 'of nobody', assignedTo: 'nobody' },
    ...plain.slice(9),
  ]
}

/** A claim that parks a task takes its next one late, so tasks with locks have their own agents. */
const capabilitiesOf = (index: number): string[] =>
  index > 5 ? ['locks'] : index % 2 === 0 ? ['code', 'docs'] : ['code']

interface Played {
  readonly outcomes: string[][]
  readonly repeated: unknown[]
}

/** Two tasks and one that waits for both, claimed last. */
async function addDependent(lead: Client): Promise<void> {
  const wanted = below(2).map((index) => ({
    key: `${index}`,
    type: 'work',
    title: `needed ${index}`,
    requires: ['code'],
  }))
  const task = { type: 'work', title: 'dependent', dependsOn: ['0', '1'], priority: 'low' as const, requires: ['code'] }
  await lead.tasks.createMany({
    tasks: [...wanted.map((one) => ({ ...one, priority: 'critical' as const })), task],
  })
}

/** Claims in one batch: repeated keys, and an agent that another registration takes over. */
function claimsOf(lead: Client, agents: readonly TestAgent[]): Call[] {
  const [first, second] = agents
  const { name = '', clientInstanceId = '' } = agents[4] ?? {}
  const claims = agents.map((agent, index) => () => {
    return agent.tasks.claim({ limit: 1 + (index % 4), idempotencyKey: `claim ${index}` }, once)
  })
  return [
    () => lead.agents.register({ type: 'implementation', name, clientInstanceId }, once),
    ...claims,
    () => first?.tasks.claim({ limit: 1, idempotencyKey: 'claim 0' }, once) ?? Promise.resolve(),
    () => second?.tasks.claim({ limit: 3, idempotencyKey: 'claim 1' }, once) ?? Promise.resolve(),
    () => second?.tasks.claim({}, once) ?? Promise.resolve(),
  ]
}

type Held = readonly (readonly [TestAgent, LeasedTask])[]

/** Ends of leases in one batch: completed, repeated, refused, and followed by the next claim. */
function endsOf(held: Held): Call[] {
  const [[other, foreign] = [undefined, undefined]] = held.slice(-1)
  const ends = held.flatMap(([agent, task], index): Call[] => {
    const lease = leaseOf(task)
    const complete = () => agent.tasks.complete({ ...lease, result: index }, once)
    if (task.locks.length > 0 || task.title?.startsWith('needed')) return [complete]
    if (index % 5 === 0) return [complete, complete]
    if (index % 5 === 1) return [() => agent.tasks.next({ completed: lease, idempotencyKey: `next ${index}` }, once)]
    if (index % 5 === 2) return [() => agent.agents.heartbeat({ leases: [lease] }, once)]
    if (index % 5 === 3) return [() => agent.tasks.complete({ ...lease, leaseToken: 'not the token' }, once)]
    const artifacts = [{ name: 'log', uri: `file:///${index}` }]
    return [() => agent.tasks.complete({ ...lease, artifacts }, once)]
  })
  return [
    ...ends,
    () =>
      other?.tasks.complete(
        { taskId: '00000000-0000-4000-8000-000000000000', leaseToken: foreign?.leaseToken ?? '' },
        once,
      ) ?? Promise.resolve(),
  ]
}

const tasksOf = (result: PromiseSettledResult<unknown>): readonly LeasedTask[] =>
  result.status === 'fulfilled' ? ((result.value as { tasks?: LeasedTask[] }).tasks ?? []) : []

async function playCalls(server: TestServer): Promise<Played> {
  const lead = server.connect()
  const agents: TestAgent[] = []
  for (const index of below(8))
    agents.push(await server.agent(`agent ${index}`, { capabilities: capabilitiesOf(index) }))
  await lead.projects.setPools({ pools: { few: 3 } })
  await addDependent(lead)
  const created = await inOneBatch(
    server,
    creationsOf().map((task) => () => lead.tasks.create(task, once)),
  )
  await lead.agents.pause({ epic: 'paused' })
  const claimed = await inOneBatch(server, claimsOf(lead, agents))
  const holders = claimed.slice(1, 9).map((result, index) => [agents[index], tasksOf(result)] as const)
  const held = holders.flatMap(([agent, tasks]) => (agent ? tasks.map((task) => [agent, task] as const) : []))
  const ended = await inOneBatch(server, endsOf(held))
  const claimedAgain = await inOneBatch(
    server,
    agents.filter((_, index) => index !== 4).map((agent) => () => agent.tasks.claim({ limit: 2 }, once)),
  )
  const titles = (results: readonly PromiseSettledResult<unknown>[]) =>
    results.map((result) => `${codeOf(result)} ${tasksOf(result).map(({ title }) => title)}`)
  return {
    outcomes: [created.map(codeOf), titles(claimed), titles(ended), titles(claimedAgain)],
    repeated: [
      tasksOf(claimed[1] ?? { status: 'rejected', reason: '' }),
      tasksOf(claimed[9] ?? created[0] ?? { status: 'rejected', reason: '' }),
    ],
  }
}

/** Plays tasks in batches and returns all that a caller or an operator could see of them. */
async function play(server: TestServer) {
  const { repeated, outcomes } = await playCalls(server)
  const names = new Map(
    server.query<{ id: string; name: string }>('select id, name from agents').map(({ id, name }) => [id, name]),
  )
  const rows = server.query<{ id: string; title: string; agent_id: string | null }>(
    `select id, title, agent_id, status, attempt, revision, rank, ready is null as unready, parked_on, open_deps,
       held_locks, result, artifacts, orphans from tasks order by ord`,
  )
  const titles = new Map(rows.map(({ id, title }) => [id, title]))
  const events = server.query<{ type: string; subject: string; actor: string | null }>(
    'select type, subject, actor from event_log order by seq',
  )
  const bySubject = Map.groupBy(events, ({ subject }) => titles.get(subject) ?? names.get(subject) ?? '')
  return {
    repeated,
    outcomes,
    rows: rows.map(({ id: _, agent_id, ...row }) => ({ ...row, agent: names.get(agent_id ?? '') })),
    events: [...bySubject]
      .map(([subject, own]) => [subject, own.map(({ type, actor }) => `${type} by ${names.get(actor ?? '')}`)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    locks: server.query('select lock, count(*) as held from locks group by lock order by lock'),
    keys: server.query('select count(*) as keys from idempotency_keys'),
    miscounts: miscountsBy((sql) => server.query(sql)),
  }
}

async function playOn(pooler: boolean) {
  await using database = await Database.create()
  await using server = await TestServer.start({ postgres: { url: database.url, pooler } })
  return await play(server)
}

/**
 * A root that waits for a gate, which waits for a held child of the root. The grandchild inherits
 * the wait for the gate, which the cycle leaves out, and waits for a held task beside them.
 */
async function createFamilyCycle(lead: Client, one: TestAgent, other: TestAgent) {
  const { id: root } = await lead.tasks.create({ type: 'epic' })
  const { id: parent } = await lead.tasks.create({ type: 'work', parentId: root })
  const { id: gate } = await lead.tasks.create({ type: 'work', dependsOn: [parent] })
  const { revision } = await lead.tasks.get({ taskId: root })
  await lead.tasks.update({ taskId: root, expectedRevision: revision, dependsOn: [gate] })
  const held = leaseOf(await claimOne(one))
  const { id: needed } = await lead.tasks.create({ type: 'work' })
  const side = leaseOf(await claimOne(other))
  expect([held.taskId, side.taskId]).toEqual([parent, needed])
  const { id: child } = await lead.tasks.create({ type: 'work', parentId: parent, dependsOn: [needed] })
  return { gate, child, held, side }
}

describe.skipIf(postgresServer === undefined)('tasks in a batch', () => {
  test('have the same outcomes, rows and events at the same time as one by one', async () => {
    // The first one learns the forms of the statements. Behind a pooler operations run one by one.
    await playOn(false)
    const [atOnce, oneByOne] = [await playOn(false), await playOn(true)]
    const [first, again] = atOnce.repeated
    expect(again).toEqual(first)
    expect(atOnce.miscounts).toEqual([])
    const [created = [], claimed = [], ended = []] = atOnce.outcomes
    expect(new Set(created)).toEqual(new Set(['ok', 'INVALID_INPUT', 'NOT_FOUND', 'IDEMPOTENCY_CONFLICT']))
    const codes = (results: readonly string[]) => new Set(results.map((one) => one.split(' ', 1)[0]))
    expect(codes(claimed)).toEqual(new Set(['ok', 'IDEMPOTENCY_CONFLICT', 'STALE_INCARNATION']))
    expect(codes(ended)).toEqual(new Set(['ok', 'STALE_LEASE', 'NOT_FOUND']))
    const comparable = ({ repeated: _, ...rest }: Awaited<ReturnType<typeof play>>) => rest
    expect(comparable(atOnce)).toEqual(comparable(oneByOne))
  })

  test('that a claim of the batch puts back are found by the claims beside it', async () => {
    await using database = await Database.create()
    await using server = await TestServer.start({ postgres: { url: database.url } })
    const lead = server.connect()
    const [large, small] = await Promise.all(['large', 'small'].map((name) => server.agent(name)))
    // Eleven of them fill the reply of a claim.
    const payload = 'x'.repeat(90_000)
    for (const index of below(14)) await lead.tasks.create({ type: 'work', title: `${index}`, payload })
    const outcomes = await inOneBatch(server, [
      () => large?.tasks.claim({ limit: 32 }, once) ?? Promise.resolve(),
      () => small?.tasks.claim({}, once) ?? Promise.resolve(),
    ])
    const counts = outcomes.map((one) =>
      one.status === 'fulfilled' ? (one.value as { tasks: readonly unknown[] }).tasks.length : codeOf(one),
    )
    expect(counts).toEqual([expect.any(Number), 1])
    expect(counts[0]).toBeLessThan(14)
  })

  test('count a completion beside the end of a cycle once, and not twice', async () => {
    await using database = await Database.create()
    await using server = await TestServer.start({ postgres: { url: database.url } })
    const lead = server.connect()
    const [one, other] = await Promise.all(['one', 'other'].map((name) => server.agent(name)))
    if (!one || !other) throw new Error('there are two agents')
    const { gate, child, held, side } = await createFamilyCycle(lead, one, other)
    const openDeps = () =>
      server.query<{ open_deps: number }>(`select open_deps from tasks where id = '${child}'`)[0]?.open_deps
    expect(openDeps()).toBe(1)
    const ends = [() => one.tasks.complete(held, once), () => other.tasks.complete(side, once)]
    expect((await inOneBatch(server, ends)).map(codeOf)).toEqual(['ok', 'ok'])
    expect([(await lead.tasks.get({ taskId: child })).status, openDeps()]).toEqual(['blocked', 1])
    const last = await claimOne(one)
    expect(last.id).toBe(gate)
    await one.tasks.complete(leaseOf(last))
    expect([(await lead.tasks.get({ taskId: child })).status, openDeps()]).toEqual(['pending', 0])
  })
})
