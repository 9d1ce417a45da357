import type { TestAgent, TestServer } from '../support/server.ts'

/** What a case may use: an agent nobody else uses, and a client of the developer on this machine, here an admin. */
export interface World {
  readonly agent: TestAgent
  readonly lead: ReturnType<TestServer['connect']>
}

export interface Case {
  /** Default: the agent. */
  readonly as?: 'developer'
  /** Input that is accepted. */
  readonly valid: (world: World) => unknown
  /** Input that names something which is not there, or is not the caller's. */
  readonly absent?: unknown
}

const nobody = '01890000-0000-7000-8000-000000000000'
const lease = { taskId: nobody, leaseToken: 'none' }
const receipt = { messageId: nobody, receipt: 'none' }

/** A task only this agent may claim. */
export const taskFor = ({ agent, lead }: World) => lead.tasks.create({ type: 'code', assignedTo: agent.id })

export const mailFor = ({ agent, lead }: World) => lead.messages.send({ to: agent.id, type: 'note', payload: { n: 1 } })

async function held(world: World) {
  await taskFor(world)
  const { tasks } = await world.agent.tasks.claim({})
  return { taskId: tasks[0]?.id, leaseToken: tasks[0]?.leaseToken }
}

async function received(world: World) {
  await mailFor(world)
  const { messages } = await world.agent.messages.receive({})
  return { messageId: messages[0]?.id, receipt: messages[0]?.receipt }
}

const planned = [{ externalId: 'first', type: 'code' }]

/** One for each procedure; the test fails for a procedure that has none. */
export const cases: Readonly<Record<string, Case>> = {
  'projects.create': { as: 'developer', valid: () => ({ name: `project ${crypto.randomUUID().slice(0, 8)}` }) },
  'projects.list': { valid: () => ({}) },
  'agents.register': { valid: () => ({ name: `new ${crypto.randomUUID().slice(0, 8)}`, type: 'qa' }) },
  'agents.heartbeat': {
    valid: async (world) => ({ leases: [await held(world)], health: { errorRate: 0.5 } }),
    absent: { leases: [lease] },
  },
  'agents.get': { valid: ({ agent }) => ({ agent: agent.name }), absent: { agent: 'absent' } },
  'agents.list': { valid: () => ({ limit: 10 }), absent: { type: 'absent' } },
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
  'tasks.progress': { valid: async (world) => ({ ...(await held(world)), percent: 50 }), absent: lease },
  'tasks.complete': { valid: async (world) => ({ ...(await held(world)), result: [1] }), absent: lease },
  'tasks.fail': {
    valid: async (world) => ({ ...(await held(world)), error: 'no' }),
    absent: { ...lease, error: 'no' },
  },
  'tasks.release': { valid: held, absent: lease },
  'tasks.cancel': { valid: async (world) => ({ taskId: (await taskFor(world)).id }), absent: { taskId: nobody } },
  'tasks.get': { valid: async (world) => ({ taskId: (await taskFor(world)).id }), absent: { taskId: nobody } },
  'tasks.list': { valid: () => ({ status: 'in-progress', limit: 1 }), absent: { cursor: 'none' } },
  'tasks.tree': { valid: async (world) => ({ taskId: (await taskFor(world)).id }), absent: { taskId: nobody } },
  'messages.send': {
    valid: ({ agent }) => ({ to: agent.name, type: 'note', payload: null }),
    absent: { to: 'absent', type: 'note', payload: 1 },
  },
  'messages.inbox': { valid: () => ({ maxAckPending: 1_000 }) },
  'messages.receive': { valid: (world) => mailFor(world).then(() => ({ limit: 1 })) },
  'messages.ack': { valid: received, absent: receipt },
  'messages.nak': { valid: received, absent: receipt },
  'events.subscribe': { valid: () => ({ cursor: 'start' }), absent: { cursor: 'other.1' } },
  'events.list': { valid: () => ({ limit: 1 }), absent: { cursor: 'other.1' } },
  'system.info': { valid: () => ({}) },
  'system.backup': { as: 'developer', valid: () => ({}) },
}
