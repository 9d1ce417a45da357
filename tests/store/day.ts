import { nextRequest } from '../api/asked.ts'
import { claimOne, leaseOf, tamper } from '../api/given.ts'
import { httpHost } from '../bridge/hosts.ts'
import { refusal, type TestServer } from '../support/server.ts'

/** Sends messages of every kind and reads them in every way. */
async function useMessages(server: TestServer, taskId: string): Promise<void> {
  const lead = server.connect()
  const [cleo, dan] = [await server.agent('cleo'), await server.agent('dan')]
  await cleo.messages.subscribe({ topic: 'walls' })
  const note = { type: 'note', payload: 1 }
  const { id } = await dan.messages.send({ to: 'topic:walls', ...note, threadId: 'talk', taskId, ttlMs: 60_000 })
  await dan.messages.sendMany({
    messages: [
      { to: 'cleo', ...note, ttlMs: 1_000 },
      { to: 'cleo', ...note },
    ],
  })
  await cleo.messages.unsubscribe({ topic: 'walls' })
  await server.advance(1_000)
  const { messages } = await cleo.messages.receive({})
  for (const message of messages) {
    const receipt = { messageId: message.id, receipt: message.receipt }
    await cleo.messages.inProgress(receipt)
    await cleo.messages.term(receipt)
    await cleo.messages.send({ to: 'dan', ...note, replyTo: message.id })
  }
  await refusal(cleo.messages.get({ messageId: id }))
  const boxes = [{}, { box: 'in' }, { box: 'out' }] as const
  const asked = [{}, { status: 'dead' }, { status: 'delivered' }, { type: 'note' }, { taskId }] as const
  for (const box of boxes) {
    for (const filter of [...asked, { status: 'pending', type: 'note', taskId } as const]) {
      await cleo.messages.list({ ...box, ...filter, cursor: '1000' })
      await lead.messages.list({ ...box, ...filter, agent: 'dan' })
    }
  }
  for (const filter of asked) await lead.messages.list({ ...filter, cursor: '1000' })
  for (const who of [lead, cleo]) await who.messages.thread({ threadId: 'talk', cursor: '0' })
  const [first] = (await cleo.messages.deadLetters.list({})).deadLetters
  for (const filter of [{ to: 'cleo' }, { from: 'dan' }, { type: 'note' }, { before: '2026-01-01T00:00:00.000Z' }])
    for (const who of [lead, cleo]) await who.messages.deadLetters.list({ filter, cursor: '0' })
  await lead.messages.deadLetters.redrive({ filter: { messageIds: [first?.id ?? id] } })
  await lead.messages.deadLetters.purge({ filter: {}, limit: 1 })
}

/** Works as a coding agent over HTTP, whose tool session is looked up with each HTTP request. */
async function useMcp(server: TestServer): Promise<void> {
  const lead = server.connect()
  await using host = await httpHost(server)
  const { agentId } = await host.did('join', { capabilities: ['mcp'] })
  await lead.tasks.createMany({ tasks: [1, 2].map(() => ({ type: 'code', assignedTo: String(agentId) })) })
  await lead.messages.send({ to: String(agentId), type: 'note', payload: 1 })
  const taskId = await host.takes()
  await host.did('progress', { taskId, percent: 1 })
  await host.did('complete', { taskId, result: 1 })
  for (const tool of ['inbox', 'inbox', 'who', 'explain', 'feed']) await host.did(tool)
  await host.did('fail', { taskId: await host.takes(), why: 'no' })
}

/** Uses locks, pools, pauses and tasks that starve. */
async function useLocksAndPauses(server: TestServer): Promise<void> {
  const [lead, eve] = [server.connect(), await server.agent('eve', { capabilities: ['locks'] })]
  await lead.projects.setPools({ pools: { gpu: 1, none: null } })
  const requires = ['locks']
  const locks = ['file:src/a', 'port:1', 'pool:gpu']
  const spec = { type: 'code', epic: 'locks', priority: 'low' as const, requires, locks }
  const specs = Array.from({ length: 13 }, () => spec)
  const { tasks } = await lead.tasks.createMany({ tasks: specs })
  const waits = await lead.tasks.create({ type: 'code', requires, dependsOn: tasks.map(({ id }) => id) })
  const claimed = (await eve.tasks.claim({ limit: 8 })).tasks.find((task) => task.locks.length > 0)
  if (!claimed) throw new Error('nothing to lock')
  const lease = { taskId: claimed.id, leaseToken: claimed.leaseToken }
  await eve.tasks.lock({ ...lease, locks: ['file:docs', 'pool:gpu'] })
  for (const { id } of [...tasks, waits]) await lead.tasks.explain({ taskId: id })
  await eve.tasks.complete(lease)
  await server.advance(1_000)
  for (const scope of [{ epic: 'locks' }, { agent: 'eve' }, { all: true }] as const) {
    await lead.agents.pause(scope)
    await eve.tasks.claim()
    await server.advance(1_000)
    await lead.agents.resume(scope)
  }
  await lead.agents.drain({ agent: 'eve' })
  await eve.agents.update({ capabilities: ['locks'], metadata: {} })
  await lead.projects.get()
}

/** Uses questions, verdicts, late completions, retries, time limits and updates of tasks. */
async function useOtherTransitions(server: TestServer): Promise<void> {
  const lead = server.connect()
  const [worker, tester] = [await server.agent('odd'), await server.agent('tester', { role: 'tester' })]
  const create = (spec: object) => lead.tasks.create({ type: 'odd', assignedTo: worker.id, epic: 'odd', ...spec })
  const claim = async () => leaseOf(await claimOne(worker, { leaseMs: 3_600_000 }))
  const verified = await create({ acceptance: 'verify' })
  for (const accept of [false, true]) {
    await worker.tasks.complete({ ...(await claim()), artifacts: [{ name: 'a', uri: 'file:a' }] })
    await tester.tasks.verify({ taskId: verified.id, accept })
  }
  const late = await create({ acceptance: 'verify' })
  const lease = await claim()
  await worker.tasks.release(lease)
  await refusal(worker.tasks.complete(lease))
  await lead.tasks.adopt({ taskId: late.id, attempt: 1 })
  await tester.tasks.verify({ taskId: late.id, accept: true })
  const { id: taskId } = await create({ startToCloseMs: 1_000 })
  const after = await create({ dependsOn: [taskId], onDependencyFailure: 'fail', story: 's', parentId: verified.id })
  await worker.tasks.requestInput({ ...(await claim()), question: '?' })
  await lead.tasks.provideInput({ taskId, answer: 1 })
  await worker.tasks.requestInput({ ...(await claim()), question: '?', deadlineMs: 1_000, defaultAnswer: 1 })
  await server.advance(1_000)
  await claim()
  await server.advance(1_000)
  const waiting = await lead.tasks.get({ taskId: after.id })
  const other = await create({ requires: ['none'], scheduleToStartMs: 1_000 })
  const change = { dependsOn: [taskId, other.id], assignedTo: null, title: 't' }
  await lead.tasks.update({ taskId: after.id, expectedRevision: waiting.revision, ...change })
  await server.advance(1_000)
  await lead.tasks.retry({ taskId: other.id })
  const filters = [
    { taskIds: [after.id, other.id] },
    { epic: 'odd' },
    { story: 's' },
    { parentId: verified.id },
    { status: 'pending' as const, type: 'odd' },
    { assignedTo: worker.id },
    { epic: 'odd', type: 'odd', status: 'blocked' as const },
  ]
  for (const filter of filters) await lead.tasks.retryMany({ filter })
  for (const filter of filters) await lead.tasks.cancelMany({ filter, limit: 1 })
  const { planId } = await lead.plans.begin({ name: 'aborted' })
  await lead.plans.abort({ planId })
}

/** Uses keys, logins and the records about both. */
async function identify(server: TestServer, refreshToken: string): Promise<void> {
  const lead = server.connect()
  const { keyId, key } = await lead.auth.keys.create({
    name: 'key',
    scopes: ['*'],
    roleCeiling: 'tech-lead',
    maxUses: 2,
  })
  const { token } = await server.connect({ token: key }).agents.register({ name: 'kay', type: 'qa' })
  await server.connect({ token }).auth.whoami()
  await server
    .connect({ token: 'nobody' })
    .tasks.list()
    .catch(() => undefined)
  await lead.auth.refresh({ refreshToken, nonce: 'the nonce of a day' }).catch(() => undefined)
  await lead.auth.keys.rotate({ keyId })
  await lead.auth.keys.list({})
  await lead.auth.sessions.list({ agent: 'kay' })
  await lead.auth.revoke({ agent: 'kay' })
  await lead.auth.keys.revoke({ keyId })
  for (const of of ['mutations', 'denials'] as const) await lead.audit.list({ of })
  await server.sweep()
}

/**
 * Advances the time until retention deletes all ended rows. The sockets are closed first, because
 * they would be pinged all the time.
 */
async function leave(server: TestServer): Promise<void> {
  const long = 2 * Math.max(...Object.values(server.parts.config.retention).map(({ ms }) => ms))
  for (const table of ['event_pages', 'denials']) tamper(server, `drop trigger ${table}_are_only_added`)
  tamper(server, `update tasks set completed_at = completed_at - ${long} where completed_at is not null`)
  tamper(server, `update tasks set created_at = created_at - ${long}`)
  tamper(server, `update tasks set agent_id = null where status not in ('in_progress')`)
  tamper(server, `update messages set status = 'acked', ready = null`)
  tamper(server, `update messages set created_at = created_at - ${long}, ended_at = created_at - ${long}`)
  for (const [table, column] of [
    ['event_pages', 'at'],
    ['health_metrics', 'timestamp'],
    ['agents', 'last_activity'],
    ['plans', 'created_at'],
    ['sessions', 'created_at'],
    ['denials', 'at'],
  ])
    tamper(server, `update ${table} set ${column} = ${column} - ${long}`)
  tamper(
    server,
    `insert into requests (id, project_id, method, to_agent, message_id, status, created_at, deadline_at)
     select 'r', project_id, 'm', id, 'm', 'replied', 1, 1 from agents limit 1`,
  )
  await server.sweep()
  await server.sweep()
}

/**
 * Does work of every kind, so that every statement of the operations and the sweeps runs at least
 * once.
 */
export async function workADay(server: TestServer): Promise<void> {
  await workAllDay(server)
  await leave(server)
}

/** Does the same work without the time that deletes its rows. */
export async function workAllDay(server: TestServer): Promise<void> {
  const lead = server.connect()
  await useOtherTransitions(server)
  const [ada, bob] = [await server.agent('ada', { capabilities: ['ts'] }), await server.agent('bob')]
  await server.agent('ada', { capabilities: ['ts'] })
  const again = await server.agent('ada', { capabilities: ['ts'] })
  const parent = await lead.tasks.create({ type: 'story', epic: 'walls', idempotencyKey: 'k' })
  const later = new Date(server.clock.wall() + 500).toISOString()
  await lead.tasks.create({ type: 'late', notBefore: later })
  const child = { type: 'code', parentId: parent.id, dependsOn: [parent.id], requires: ['ts'], epic: 'walls' }
  await lead.tasks.create({ ...child, assignedTo: 'ada' })
  await lead.tasks.createMany({
    tasks: [
      { type: 'a', key: 'a' },
      { type: 'b', dependsOn: ['a'] },
      ...Array.from({ length: 9 }, () => ({ type: 'c' })),
    ],
  })
  const { planId } = await lead.plans.begin({ name: 'plan' })
  await lead.plans.add({
    planId,
    tasks: [
      { externalId: 'x', type: 'code' },
      { externalId: 'y', type: 'code', dependsOn: ['x'] },
    ],
  })
  await lead.plans.commit({ planId })
  const { tasks } = await bob.tasks.claim({ limit: 8, leaseMs: 5_000 })
  const [first, second, third, fourth, fifth] = tasks.map(({ id, leaseToken }) => ({ taskId: id, leaseToken }))
  if (!first || !second || !third || !fourth || !fifth) throw new Error('nothing to do')
  await bob.agents.heartbeat({ leases: [first, second, third, fourth, fifth], health: { cpuUsage: 0.5 } })
  await bob.tasks.extend(first)
  await bob.tasks.progress({ ...first, percent: 50 })
  await bob.tasks.next({ completed: first })
  await bob.tasks.complete(second)
  await bob.tasks.fail({ ...third, error: 'no', nextRetryDelayMs: 100 })
  await bob.tasks.release(fourth)
  await lead.tasks.cancel({ taskId: fifth.taskId })
  await bob.agents.heartbeat({ leases: [] })
  await bob.agents.heartbeat({ leases: [] })
  await lead.messages.send({ to: 'bob', type: 'note', payload: 1, threadId: 't' })
  await bob.messages.send({ to: '*', type: 'note', payload: 1 })
  await bob.messages.send({ to: 'role:developer', type: 'note', payload: 1, taskId: parent.id })
  await lead.messages.send({ to: 'bob', type: 'note', payload: 2 })
  const { messages } = await bob.messages.receive({ ackWaitMs: 1_000 })
  const [one, two] = messages.map(({ id, receipt }) => ({ messageId: id, receipt }))
  if (one) await bob.messages.ack(one)
  if (two) await bob.messages.nak({ ...two, delayMs: 100 })
  await again.messages.receive({ ackWaitMs: 1_000 })
  await bob.tasks.claim({ limit: 8, leaseMs: 5_000, idempotencyKey: 'claim' })
  await useLocksAndPauses(server)
  // The inbox is emptied first, or the request would come after its messages.
  while ((await again.messages.receive({ limit: 100 })).messages.length > 0);
  const unanswered = again.requests.route({ method: 'ts', target: 'bob', timeoutMs: 100 }).catch(() => undefined)
  const answered = lead.requests.route({ method: 'ts' })
  const { requestId } = (await nextRequest(again)).asked
  await again.requests.reply({ requestId, result: 1 })
  await again.requests.reply({ requestId }).catch(() => undefined)
  await answered
  await again.health.report({ errorRate: 0 })
  await lead.health.summary()
  await lead.health.history({ agent: 'ada' })
  await lead.system.metrics()
  await lead.system.history({})
  await (await fetch(`${server.url}/metrics`)).text()
  await server.advance(6_000)
  await unanswered
  await server.advance(6_000)
  await server.advance(90_000_000)
  const filters = [
    {},
    { status: 'pending' },
    { type: 'code' },
    { epic: 'walls' },
    { claimedBy: bob.id },
    { parentId: parent.id },
  ] as const
  for (const filter of filters) {
    const page = await lead.tasks.list({ ...filter, limit: 1 })
    if (page.nextCursor !== null) await lead.tasks.list({ ...filter, limit: 1, cursor: page.nextCursor })
  }
  await lead.tasks.get({ taskId: 'x' })
  await lead.tasks.tree({ taskId: parent.id })
  await lead.agents.list({})
  await lead.agents.get({ agent: ada.name })
  const { cursor } = await lead.events.list({ limit: 1 })
  await lead.events.list({ cursor, types: ['task.created'], epic: 'walls' })
  for await (const _ of lead.events.subscribe({ cursor })) break
  await useMessages(server, parent.id)
  await useMcp(server)
  await lead.agents.unregister({ agent: 'bob' })
  await identify(server, again.refreshToken)
}
