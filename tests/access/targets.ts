import { type Client, createClient } from '@tony/mcp-client'
import { agentRole, type Role } from '@tony/mcp-shared/roles'
import type { TestAgent } from '../support/server.ts'
import { cases, messageFor, type World } from '../transports/equality-cases.ts'
import type { Kind } from './expected-targets.ts'

const nobody = '01890000-0000-7000-8000-000000000000'

/** Creates agents fast: the admin makes one call for each. */
export class Cast implements Disposable {
  readonly #url: string
  readonly #admin: Client
  #made = 0
  readonly #clients: Client[] = []

  constructor(url: string, admin: Client) {
    this.#url = url
    this.#admin = admin
  }

  async agent(role: Role): Promise<TestAgent> {
    this.#made += 1
    const name = `${role} ${this.#made} ${crypto.randomUUID().slice(0, 8)}`
    const clientInstanceId = `the secret of ${name}`
    const of = { name, type: 'implementation', role: agentRole.parse(role), clientInstanceId }
    const reply = await this.#admin.agents.register(of)
    const client = createClient({ url: this.#url, token: reply.token, deadlineMs: 10_000 })
    this.#clients.push(client)
    return { ...client, ...reply, id: reply.agentId, name, clientInstanceId }
  }

  /** Drops the agents that the test has created so far. */
  dismiss(): void {
    for (const client of this.#clients.splice(0)) client.close()
  }

  [Symbol.dispose](): void {
    this.dismiss()
  }
}

const absentOf = (path: string): unknown => cases[path]?.absent

async function held({ agent, lead }: World) {
  await lead.tasks.create({ type: 'code', assignedTo: agent.id })
  const [task] = (await agent.tasks.claim({})).tasks
  return { taskId: task?.id ?? nobody, leaseToken: task?.leaseToken ?? 'none' }
}

type Builder = (world: World) => Promise<unknown> | unknown
type Builders = Readonly<Record<Kind, Builder>>

/** A role that cannot claim holds no lease. */
const leases = (world: World): Promise<unknown> =>
  held(world).then(
    (one) => ({ leases: [one] }),
    () => ({ leases: [] }),
  )

const under =
  (many: boolean): Builder =>
  async (world) => {
    const task = { type: 'code', parentId: (await held(world)).taskId, requires: ['none has this'] }
    return many ? { tasks: [task] } : task
  }

/** Creates a task with an orphan result, and the same agent holds the task again. */
async function late(world: World): Promise<unknown> {
  const first = await held(world)
  await world.agent.tasks.release(first)
  await world.agent.tasks.complete(first).catch(() => undefined)
  await world.agent.tasks.claim({})
  const { orphanResults } = await world.lead.tasks.get({ taskId: first.taskId })
  return { taskId: first.taskId, attempt: orphanResults[0]?.attempt ?? 1 }
}

const named: Builder = ({ agent }) => ({ agent: agent.name })
const empty: Builder = () => ({})
const taken: Builder = ({ agent }) => ({ name: agent.name, type: 'qa' })
const post = ({ agent }: World) => ({ to: agent.name, type: 'note', payload: null })

/**
 * Inputs of procedures for which the equality cases name neither the caller's own object nor
 * another's.
 */
const special: Readonly<Record<string, Partial<Builders>>> = {
  'projects.get': { "other's": () => ({ project: 'elsewhere' }) },
  'agents.register': {
    own: taken,
    "other's": taken,
    absent: () => ({ name: `new ${crypto.randomUUID()}`, type: 'qa' }),
  },
  'agents.heartbeat': { own: leases, "other's": leases },
  'agents.unregister': { own: empty, "other's": named },
  'tasks.create': { own: under(false), "other's": under(false), absent: () => ({ type: 'code', parentId: nobody }) },
  'tasks.createMany': { own: under(true), "other's": under(true) },
  'tasks.adopt': { own: late, "other's": late },
  'messages.send': { own: post, "other's": post },
  'messages.list': {
    "other's": async (world) => messageFor(world).then(() => ({ agent: world.agent.name, box: 'in' })),
  },
  'auth.revoke': { own: empty, "other's": named, absent: () => ({ agent: 'nobody' }) },
}

/**
 * Returns an input that names the caller's own object, another's or an absent one. `world.agent` is
 * the owner.
 */
export async function inputOf(path: string, kind: Kind, world: World): Promise<unknown> {
  const builder = special[path]?.[kind] ?? (kind === 'absent' ? () => absentOf(path) : cases[path]?.valid)
  if (!builder) throw new Error(`there is no case of ${path}`)
  return builder(world)
}
