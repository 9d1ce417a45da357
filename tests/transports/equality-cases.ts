import { nextRequest } from '../api/asked.ts'
import type { TestAgent, TestServer } from '../support/server.ts'
import { createSilentWebhook, silentWebhook } from './silent-webhooks.ts'

/**
 * The objects a case may use: an agent of its own, and a client of the developer of dev mode, who
 * is an admin here.
 */
export interface World {
  readonly agent: TestAgent
  readonly lead: ReturnType<TestServer['connect']>
}

export interface Case {
  /** Default: the agent. */
  readonly as?: 'developer'
  /** Returns an accepted input. */
  readonly valid: (world: World) => unknown
  /** An input that names an absent object, or another agent's. */
  readonly absent?: unknown
}

const nobody = '01890000-0000-7000-8000-000000000000'
const lease = { taskId: nobody, leaseToken: 'none' }
const receipt = { messageId: nobody, receipt: 'none' }

/** Creates a task that only this agent may claim. */
export const taskFor = ({ agent, lead }: World) => lead.tasks.create({ type: 'code', assignedTo: agent.id })

export const messageFor = ({ agent, lead }: World, more: { threadId?: string } = {}) =>
  lead.messages.send({ to: agent.id, type: 'note', payload: { n: 1 }, ...more })

async function held(world: World) {
  await taskFor(world)
  const [task] = (await world.agent.tasks.claim({})).tasks
  return { taskId: task?.id ?? nobody, leaseToken: task?.leaseToken ?? 'none' }
}

async function failed(world: World): Promise<string> {
  const { taskId } = await held(world).then((mine) =>
    world.agent.tasks.fail({ ...mine, error: 'no', retryable: false }),
  )
  return taskId
}

/** Creates a task that the agent has completed and another agent has to verify. */
async function reviewed({ agent, lead }: World): Promise<string> {
  const { id: taskId } = await lead.tasks.create({ type: 'code', assignedTo: agent.id, acceptance: 'verify' })
  const [task] = (await agent.tasks.claim({})).tasks
  await agent.tasks.complete({ taskId, leaseToken: task?.leaseToken ?? 'none' })
  return taskId
}

async function received(world: World) {
  await messageFor(world)
  const { messages } = await world.agent.messages.receive({})
  return { messageId: messages[0]?.id, receipt: messages[0]?.receipt }
}

async function buried(world: World): Promise<string> {
  const { messageId = '', receipt: current = '' } = await received(world)
  await world.agent.messages.term({ messageId, receipt: current })
  return messageId
}

async function answerNext(agent: TestAgent): Promise<void> {
  const { requestId } = (await nextRequest(agent)).asked
  await agent.requests.reply({ requestId, result: { n: 1 } })
}

/** Creates a key for this case only. */
const keyOf = async ({ lead }: World) => ({ keyId: (await lead.auth.keys.create({ name: 'case' })).keyId })

const webhookOf = ({ agent }: World) => createSilentWebhook(agent)

const planned = [{ externalId: 'first', type: 'code' }]

/** One case for each procedure. The test fails for a procedure without a case. */
export const cases: Readonly<Record<string, Case>> = {
  'projects.create': { as: 'developer', valid: () => ({ name: `project ${crypto.randomUUID().slice(0, 8)}` }) },
  'projects.get': { valid: () => ({}), absent: { project: 'absent' } },
  'projects.list': { valid: () => ({}) },
  'projects.pause': { valid: () => ({ reason: 'to see' }) },
  'projects.resume': { valid: () => ({}) },
  'projects.setPools': { valid: () => ({ pools: { absent: null } }) },
  'agents.register': { valid: () => ({ name: `new ${crypto.randomUUID().slice(0, 8)}`, type: 'qa' }) },
  'agents.heartbeat': {
    valid: async (world) => ({ leases: [await held(world)], health: { errorRate: 0.5 } }),
    absent: { leases: [lease] },
  },
  'agents.get': { valid: ({ agent }) => ({ agent: agent.name }), absent: { agent: 'absent' } },
  'agents.list': { valid: () => ({ limit: 10 }), absent: { type: 'absent' } },
  'agents.update': { valid: () => ({ capabilities: ['ts'], metadata: { n: 1 } }) },
  'agents.pause': { valid: ({ agent }) => ({ agent: agent.name, reason: 'to see' }), absent: { agent: 'absent' } },
  'agents.resume': { valid: ({ agent }) => ({ agent: agent.id }), absent: { agent: 'absent' } },
  'agents.drain': { valid: ({ agent }) => ({ agent: agent.name }), absent: { agent: 'absent' } },
  'agents.unregister': { valid: () => ({}), absent: { agent: 'absent' } },
  'plans.begin': { valid: () => ({ name: 'plan' }) },
  'plans.add': {
    valid: async ({ agent }) => ({ ...(await agent.plans.begin({ name: 'plan' })), tasks: planned }),
    absent: { planId: nobody, tasks: planned },
  },
  'plans.commit': {
    valid: async ({ agent }) => {
      const plan = await agent.plans.begin({ name: 'plan' })
      await agent.plans.add({ ...plan, tasks: [{ externalId: crypto.randomUUID(), type: 'code' }] })
      return plan
    },
    absent: { planId: nobody },
  },
  'plans.abort': {
    valid: async ({ agent }) => {
      const plan = await agent.plans.begin({ name: 'plan' })
      await agent.plans.add({ ...plan, tasks: planned })
      return plan
    },
    absent: { planId: nobody },
  },
  'tasks.create': {
    valid: () => ({ type: 'code', requires: ['none has this'] }),
    absent: { type: 'code', dependsOn: [nobody] },
  },
  'tasks.createMany': {
    valid: () => ({
      tasks: [
        { type: 'code', key: 'a', requires: ['none has this'] },
        { type: 'code', requires: ['none has this'], dependsOn: ['a'] },
      ],
    }),
    absent: { tasks: [{ type: 'code', parentId: nobody }] },
  },
  'tasks.claim': { valid: (world) => taskFor(world).then(() => ({ limit: 1 })) },
  'tasks.next': {
    valid: async (world) => ({ completed: await held(world).finally(() => taskFor(world)) }),
    absent: { completed: lease },
  },
  'tasks.work': { valid: () => ({ slots: 1 }) },
  'tasks.extend': { valid: held, absent: lease },
  'tasks.lock': {
    valid: async (world) => ({ ...(await held(world)), locks: [`key:${crypto.randomUUID()}`] }),
    absent: { ...lease, locks: ['port:1'] },
  },
  'tasks.progress': { valid: async (world) => ({ ...(await held(world)), percent: 50 }), absent: lease },
  'tasks.complete': { valid: async (world) => ({ ...(await held(world)), result: [1] }), absent: lease },
  'tasks.fail': {
    valid: async (world) => ({ ...(await held(world)), error: 'no' }),
    absent: { ...lease, error: 'no' },
  },
  'tasks.release': { valid: held, absent: lease },
  'tasks.cancel': { valid: async (world) => ({ taskId: (await taskFor(world)).id }), absent: { taskId: nobody } },
  'tasks.cancelMany': {
    valid: async (world) => ({ filter: { taskIds: [(await taskFor(world)).id] } }),
    absent: { filter: { taskIds: [nobody] } },
  },
  'tasks.hold': {
    valid: async (world) => ({ taskId: (await taskFor(world)).id, reason: 'not yet' }),
    absent: { taskId: nobody, reason: 'not yet' },
  },
  'tasks.unhold': {
    valid: async ({ lead }) => ({ taskId: (await lead.tasks.create({ type: 'code', hold: 'not yet' })).id }),
    absent: { taskId: nobody },
  },
  'tasks.retry': { valid: async (world) => ({ taskId: await failed(world) }), absent: { taskId: nobody } },
  'tasks.retryMany': {
    valid: async (world) => ({ filter: { taskIds: [await failed(world)] } }),
    absent: { filter: { taskIds: [nobody] } },
  },
  'tasks.requestInput': {
    valid: async (world) => ({ ...(await held(world)), question: 'which?' }),
    absent: { ...lease, question: 'which?' },
  },
  'tasks.provideInput': {
    valid: async (world) => {
      const { taskId, leaseToken } = await held(world)
      await world.agent.tasks.requestInput({ taskId, leaseToken, question: 'which?' })
      return { taskId, answer: null }
    },
    absent: { taskId: nobody, answer: 1 },
  },
  'tasks.verify': {
    as: 'developer',
    valid: async (world) => ({ taskId: await reviewed(world), accept: false, note: 'no tests' }),
    absent: { taskId: nobody, accept: true },
  },
  'tasks.adopt': {
    valid: async (world) => {
      const late = await held(world)
      await world.agent.tasks.release(late)
      await world.agent.tasks.complete(late).catch(() => undefined)
      return { taskId: late.taskId, attempt: 1 }
    },
    absent: { taskId: nobody, attempt: 1 },
  },
  'tasks.update': {
    valid: async (world) => ({ taskId: (await taskFor(world)).id, expectedRevision: 1, title: 'new' }),
    absent: { taskId: nobody, expectedRevision: 1 },
  },
  'tasks.get': { valid: async (world) => ({ taskId: (await taskFor(world)).id }), absent: { taskId: nobody } },
  'tasks.explain': { valid: async (world) => ({ taskId: (await taskFor(world)).id }), absent: { taskId: nobody } },
  'tasks.list': { valid: () => ({ status: 'in-progress', limit: 1 }), absent: { cursor: 'none' } },
  'locks.list': { valid: () => ({}) },
  'tasks.tree': { valid: async (world) => ({ taskId: (await taskFor(world)).id }), absent: { taskId: nobody } },
  'messages.send': {
    valid: ({ agent }) => ({ to: agent.name, type: 'note', payload: null }),
    absent: { to: 'absent', type: 'note', payload: 1 },
  },
  'messages.sendMany': {
    valid: ({ agent }) => ({ messages: [{ to: agent.name, type: 'note', payload: 1 }] }),
    absent: { messages: [{ to: 'absent', type: 'note', payload: 1 }] },
  },
  'messages.inbox': { valid: () => ({ maxAckPending: 1_000 }) },
  'messages.receive': { valid: (world) => messageFor(world).then(() => ({ limit: 1 })) },
  'messages.ack': { valid: received, absent: receipt },
  'messages.nak': { valid: received, absent: receipt },
  'messages.term': { valid: received, absent: receipt },
  'messages.inProgress': { valid: received, absent: receipt },
  'messages.subscribe': { valid: () => ({ topic: 'walls' }) },
  'wakes.announce': { valid: () => ({ idle: true, takesTasks: true }) },
  'wakes.attempt': { valid: () => ({ wakeIds: [nobody], provider: 'command' }) },
  'wakes.giveUp': { valid: () => ({ wakeIds: [nobody] }) },
  'messages.unsubscribe': { valid: () => ({ topic: 'walls' }) },
  'messages.get': {
    valid: async (world) => ({ messageId: (await messageFor(world)).id }),
    absent: { messageId: nobody },
  },
  'messages.list': {
    valid: (world) => messageFor(world).then(() => ({ box: 'in', limit: 1 })),
    absent: { agent: 'absent' },
  },
  'messages.thread': {
    valid: async (world) => {
      const threadId = crypto.randomUUID()
      await messageFor(world, { threadId })
      return { threadId }
    },
    absent: { threadId: 'absent' },
  },
  'messages.deadLetters.list': {
    valid: async (world) => ({ filter: { messageIds: [await buried(world)] } }),
    absent: { filter: { to: 'absent' } },
  },
  'messages.deadLetters.redrive': {
    as: 'developer',
    valid: async (world) => ({ filter: { messageIds: [await buried(world)] } }),
    absent: { filter: {}, to: 'absent' },
  },
  'messages.deadLetters.purge': {
    as: 'developer',
    valid: async (world) => ({ filter: { messageIds: [await buried(world)] } }),
    absent: { filter: { from: 'absent' } },
  },
  'requests.route': {
    as: 'developer',
    valid: async ({ agent }) => {
      // The promise rejects if the agent leaves before the request arrives.
      answerNext(agent).catch(() => undefined)
      return { method: 'm', target: agent.id, params: [1] }
    },
    absent: { method: 'm', target: 'absent' },
  },
  'requests.reply': {
    valid: async ({ agent, lead }) => {
      lead.requests.route({ method: 'm', target: agent.id }).catch(() => undefined)
      return { requestId: (await nextRequest(agent)).asked.requestId, result: null }
    },
    absent: { requestId: nobody },
  },
  'events.subscribe': { valid: () => ({ cursor: 'start' }), absent: { cursor: 'other.1' } },
  'events.list': { valid: () => ({ limit: 1 }), absent: { cursor: 'other.1' } },
  'health.report': { valid: () => ({ cpuUsage: 0.5 }) },
  'health.summary': { valid: () => ({ windowMs: 60_000 }) },
  'health.history': {
    valid: async ({ agent }) => agent.health.report({ cpuUsage: 1 }).then(() => ({ agent: agent.name, limit: 1 })),
    absent: { agent: 'absent' },
  },
  'auth.refresh': {
    valid: ({ agent }) => ({ refreshToken: agent.refreshToken, nonce: 'a nonce of this case' }),
    absent: { refreshToken: 'tcr_none', nonce: 'a nonce of this case' },
  },
  'auth.renew': { valid: ({ agent }) => ({ token: agent.token }), absent: { token: 'none' } },
  'auth.revoke': { valid: () => ({}), absent: { sessionId: nobody } },
  'auth.whoami': { valid: () => ({}) },
  'auth.keys.create': { as: 'developer', valid: () => ({ name: 'a key', cidrs: ['10.0.0.0/8'] }) },
  'auth.keys.list': { as: 'developer', valid: () => ({ limit: 1 }) },
  'auth.keys.rotate': { as: 'developer', valid: keyOf, absent: { keyId: 'nosuchkeynow' } },
  'auth.keys.revoke': { as: 'developer', valid: keyOf, absent: { keyId: 'nosuchkeynow' } },
  'auth.sessions.list': { valid: ({ agent }) => ({ agent: agent.name }), absent: { agent: 'absent' } },
  'audit.list': { valid: () => ({ limit: 1 }), absent: { cursor: 'none' } },
  'webhooks.create': { valid: () => silentWebhook, absent: { url: 'nowhere' } },
  'webhooks.list': { valid: () => ({}) },
  'webhooks.rotate': { valid: webhookOf, absent: { webhookId: nobody } },
  'webhooks.delete': { valid: webhookOf, absent: { webhookId: nobody } },
  'webhooks.deliveries': { valid: webhookOf, absent: { webhookId: nobody } },
  'webhooks.redrive': { valid: webhookOf, absent: { webhookId: nobody } },
  'webhooks.test': { valid: webhookOf, absent: { webhookId: nobody } },
  'system.info': { valid: () => ({}) },
  'system.metrics': { valid: () => ({}) },
  'system.history': { valid: () => ({ range: '24h' }) },
  'system.backup': { as: 'developer', valid: () => ({}) },
}
