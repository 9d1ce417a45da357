import type { Principal } from '@tony/mcp-server/domain/principal'
import { ClaimGroupCache } from '@tony/mcp-server/domain/tasks/claim-group-cache'
import { LeaseTokens } from '@tony/mcp-server/domain/tasks/lease-tokens'
import { claimIn } from '@tony/mcp-server/operations/tasks/claim'
import { completeIn } from '@tony/mcp-server/operations/tasks/complete'
import type { Store, Transaction } from '@tony/mcp-server/store/store'
import { describe, expect, test } from 'vitest'
import { addAgent, upTo } from '../store/given.ts'
import { numberFor, showIds } from '../support/ids.ts'
import { roundsOf } from '../support/rounds.ts'
import { TestServer } from '../support/server.ts'
import { projectOf, StoreFolder } from '../support/store.ts'

const print = (what: string, count: number, startedAt: number) =>
  process.stdout.write(`${what}: ${Math.round(count / ((performance.now() - startedAt) / 1_000))} claims/s\n`)

/** Adds claimable tasks, with each priority in turn. */
function addTasks(folder: StoreFolder, count: number): void {
  folder.raw((database) => {
    database.exec("insert into routes (project_id, requires, assigned_to) select id, '[]', '' from projects")
    database
      .prepare(
        `with recursive n (i) as (select 1 union all select i + 1 from n where i < ?)
         insert into tasks (id, project_id, type, requires, priority, status, route_id, ready, max_attempts, metadata, created_at)
         select 'task ' || i, ${numberFor('p.id')}, 'code', '[]', i % 4, 'pending', r.id, r.id, 3, '{}', 0
         from n, projects p join routes r on r.project_id = p.id`,
      )
      .run(count)
  })
}

const principalOf = (project: string, id: string): Principal => ({
  subject: id,
  project,
  role: 'developer',
  capabilities: [],
  agent: { id, name: id, incarnation: 1 },
  expiresAt: Number.POSITIVE_INFINITY,
})

/**
 * Returns a transaction in which every claimer reads the queue heads that the first one read. A
 * store behaves so if claimers read at the same time and write one after another.
 */
function withHeadsOfTheFirst(): (tx: Transaction) => Transaction {
  const first = new Map<object, unknown[]>()
  return (tx) => ({
    ...tx,
    run: async <P extends object, R>(statement: Parameters<typeof tx.run<P, R>>[0], params: P): Promise<R[]> => {
      if (!('claimGroup' in params)) return tx.run(statement, params)
      const seen = first.get(statement) ?? (await tx.run(statement, params))
      first.set(statement, seen)
      // The rows belong to this statement, which the type of the map cannot express.
      return seen as R[]
    },
  })
}

const claiming = (store: Store, principal: Principal) => ({
  principal,
  leaseTokens: new LeaseTokens(store.secret),
  claimGroups: new ClaimGroupCache(),
})

type Win = readonly [taskId: string, agentId: string]

/**
 * Claims tasks, and completes the previous one with each further claim, until there is none left.
 */
async function workOff(store: Store, principal: Principal, wins: Win[]): Promise<void> {
  const fence = { sessionId: principal.subject, agentId: principal.subject, incarnation: 1 }
  const scope = { project: principal.project, fence }
  const ctx = claiming(store, principal)
  await ctx.claimGroups.refresh(store, principal.project, 1)
  let held: { taskId: string; leaseToken: string } | undefined
  do {
    const completed = held
    const { tasks } = await store.transact(scope, async (tx) => {
      if (completed) await completeIn(tx, ctx, completed)
      return claimIn(tx, ctx, { limit: 1, leaseMs: 30_000 })
    })
    const [task] = tasks
    held = task && { taskId: task.id, leaseToken: task.leaseToken }
    if (task) wins.push([task.id, principal.subject])
  } while (held)
}

/** Returns the rows of the store after a race. */
const standing = (folder: StoreFolder) =>
  folder.raw((connection) => {
    const one = <Row>(query: string): Row | undefined => connection.prepare<[], Row>(query).get()
    return {
      tasks: one("select count(*) as done, sum(attempt) as attempts from tasks where status = 'completed'"),
      left: one("select count(*) as tasks from tasks where status <> 'completed'"),
      claimed: one(
        "select count(*) as events, count(distinct subject) as tasks from event_log where type = 'task.claimed'",
      ),
      completed: one(
        "select count(*) as events, count(distinct subject) as tasks from event_log where type = 'task.completed'",
      ),
      feed: one('select (select max(seq) from event_log) = (select count(*) from event_log) as dense'),
    }
  })

const won = (tasks: number) => ({
  tasks: { done: tasks, attempts: tasks },
  left: { tasks: 0 },
  claimed: { events: tasks, tasks },
  completed: { events: tasks, tasks },
  feed: { dense: 1 },
})

describe('of eight claimers that compete for the same tasks one wins each task', () => {
  const claims = roundsOf({ part: 5_000, full: 100_000, variable: 'CLAIMS' })
  const overSockets = roundsOf({ part: 400, full: 2_000, variable: 'CLAIMS_OVER_SOCKETS' })

  test(`${claims} claims in the store's own transactions, eight of each claimer at a time`, {
    timeout: 60_000 + claims,
  }, async () => {
    using folder = new StoreFolder()
    await using store = await folder.open({ durability: 'process' })
    const project = await projectOf(store)
    const agents = await Promise.all(upTo(8).map((index) => addAgent(store, project, `agent ${index}`)))
    addTasks(folder, claims)
    const wins: Win[] = []
    const startedAt = performance.now()
    await Promise.all(agents.flatMap((agent) => upTo(8).map(() => workOff(store, principalOf(project, agent), wins))))
    print('in the store', claims, startedAt)
    expect(wins).toHaveLength(claims)
    expect(new Set(wins.map(([task]) => task)).size).toBe(claims)
    const shares = [...Map.groupBy(wins, ([, agent]) => agent).values()].map((share) => share.length)
    expect(shares).toHaveLength(8)
    expect(standing(folder)).toMatchObject(won(claims))
  })

  test(`${overSockets} tasks through eight clients, each on its socket`, async () => {
    using folder = new StoreFolder()
    await using server = await TestServer.start({ folder: folder.path })
    const lead = server.connect()
    for (const _ of upTo(overSockets / 200))
      await lead.tasks.createMany({ tasks: upTo(200).map(() => ({ type: 'code' })) })
    const agents = await Promise.all(upTo(8).map((index) => server.agent(`agent ${index}`)))
    const startedAt = performance.now()
    const wins = await Promise.all(
      agents.map(async ({ name, tasks }) => {
        const own: Win[] = []
        for (;;) {
          const [task] = (await tasks.claim({})).tasks
          if (!task) return own
          own.push([task.id, name])
          await tasks.complete({ taskId: task.id, leaseToken: task.leaseToken })
        }
      }),
    )
    print('over sockets', overSockets, startedAt)
    expect(wins.flat()).toHaveLength(overSockets)
    expect(new Set(wins.flat().map(([task]) => task)).size).toBe(overSockets)
    expect(Math.min(...wins.map((own) => own.length))).toBeGreaterThan(0)
    expect(standing(folder)).toMatchObject(won(overSockets))
  })

  test('three tasks that all eight have selected before one of them took any', async () => {
    using folder = new StoreFolder()
    await using store = await folder.open()
    const project = await projectOf(store)
    const agents = await Promise.all(upTo(8).map((index) => addAgent(store, project, `agent ${index}`)))
    addTasks(folder, 3)
    const together = withHeadsOfTheFirst()
    const claimed = await Promise.all(
      agents.map((agent) =>
        store.transact({ project }, (tx) =>
          claimIn(together(tx), claiming(store, principalOf(project, agent)), { limit: 3, leaseMs: 30_000 }),
        ),
      ),
    )
    expect(claimed.map(({ tasks }) => tasks.map(({ attempt }) => attempt))).toEqual([
      [1, 1, 1],
      [],
      [],
      [],
      [],
      [],
      [],
      [],
    ])
    const rows = folder.raw((database) => {
      showIds(database)
      return database.prepare('select agent_id, attempt from tasks').all()
    })
    expect(rows).toEqual(upTo(3).map(() => ({ agent_id: 'agent 1', attempt: 1 })))
  })

  test('one task that all want at the same time, again and again, while every loser gets none', async () => {
    await using server = await TestServer.start()
    const lead = server.connect()
    const agents = await Promise.all(upTo(8).map((index) => server.agent(`agent ${index}`)))
    for (const round of upTo(50)) {
      await lead.tasks.create({ type: 'code', title: `round ${round}` })
      const replies = await Promise.all(agents.map(({ tasks }) => tasks.claim({ limit: 32 })))
      expect(replies.map(({ tasks }) => tasks.length).toSorted()).toEqual([0, 0, 0, 0, 0, 0, 0, 1])
    }
  })
})
