import { agentRole } from '@tony/mcp-shared/roles'
import { inLine } from '@tony/mcp-shared/untrusted-text'
import type { Output } from '@tony/mcp-tools/calls'
import { codeOf } from '@tony/mcp-tools/refusals'
import { type AnyTool, tool } from '@tony/mcp-tools/tool'
import { z } from 'zod'
import type { HttpSeat } from './tool-session.ts'

type Project = Output<'projects.list'>['projects'][number]
type Agent = Output<'agents.get'>

const project = z.object({
  id: z.string(),
  name: z.string(),
  path: z.string().nullable(),
  status: z.enum(['active', 'paused']),
  createdAt: z.string(),
})

const presentProject = ({ id, name, path, pausedAt, createdAt }: Project): z.output<typeof project> => ({
  id,
  name,
  path,
  status: pausedAt === null ? 'active' : 'paused',
  createdAt,
})

/** `status` is what lists of agents said, `state` what the status of one did: they are the same. */
const agent = z.object({
  id: z.string(),
  agentId: z.string(),
  name: z.string(),
  type: z.string(),
  role: z.string(),
  status: z.string(),
  state: z.string(),
  capabilities: z.array(z.string()),
  registeredAt: z.string(),
  lastActivity: z.string(),
})

const presentAgent = (known: Agent): z.output<typeof agent> => ({
  id: known.id,
  agentId: known.id,
  name: inLine(known.name),
  type: inLine(known.type),
  role: known.role,
  status: known.status,
  state: known.status,
  capabilities: known.capabilities.map(inLine),
  registeredAt: known.registeredAt,
  lastActivity: known.lastActivityAt,
})

const created = { created: z.boolean().describe('false when it was there already') }

/** Does what may have been done before; gives whether it was done now. */
const once = <T>(make: () => Promise<T>, known: string, find: () => Promise<T>): Promise<[T, boolean]> =>
  make().then(
    (made): [T, boolean] => [made, true],
    async (error: unknown): Promise<[T, boolean]> => {
      if (codeOf(error) !== known) throw error
      return [await find(), false]
    },
  )

async function projectNamed(seat: HttpSeat, name: string): Promise<Project> {
  const { projects } = await seat.callAsOwner('projects.list', {})
  const found = projects.find((candidate) => candidate.name === name)
  if (!found) throw new Error('a project vanished')
  return found
}

const projectCreate = (seat: HttpSeat): AnyTool =>
  tool({
    name: 'tony_project_create',
    title: 'Create a project',
    description: 'Creates a project, or finds the one of this name.',
    input: z.object({ name: z.string(), path: z.string().optional(), description: z.string().optional() }),
    output: project.extend(created),
    run: async (_, { name, path }) => {
      const make = () => seat.callAsOwner('projects.create', { name, ...(path === undefined ? {} : { path }) })
      const [made, isNew] = await once(make, 'ALREADY_EXISTS', () => projectNamed(seat, name))
      return { ...presentProject(made), created: isNew }
    },
  })

const projectList = (seat: HttpSeat): AnyTool =>
  tool({
    name: 'tony_project_list',
    title: 'List projects',
    description: 'Lists the projects of this server.',
    reads: true,
    input: z.object({}),
    output: z.object({ projects: z.array(project) }),
    run: async () => {
      const { projects } = await seat.callAsOwner('projects.list', {})
      return { projects: projects.map(presentProject) }
    },
  })

const agentCreate = (seat: HttpSeat): AnyTool =>
  tool({
    name: 'tony_agent_create',
    title: 'Create an agent',
    description:
      'Registers an agent of this name in a project, or finds it. It gives no credential: to work, call join.',
    input: z.object({
      name: z.string(),
      type: z.string().optional(),
      role: z.string().optional(),
      projectId: z.string().optional(),
      capabilities: z.array(z.string()).optional(),
    }),
    output: agent.extend(created),
    run: async (_, { name, type, role, projectId, capabilities = [] }) => {
      const there = projectId === undefined ? seat : seat.inProject(projectId)
      const granted = agentRole.safeParse(role)
      const find = () => there.callAsOwner('agents.get', { agent: name })
      const make = async () => {
        const kind = type ?? role ?? 'implementation'
        const of = granted.success ? { role: granted.data } : {}
        await there.callAsOwner('agents.register', { name, type: kind, capabilities, ...of })
        return find()
      }
      const [made, isNew] = await once(make, 'AGENT_NAME_TAKEN', find)
      return { ...presentAgent(made), created: isNew }
    },
  })

const agentStatus = (seat: HttpSeat): AnyTool =>
  tool({
    name: 'tony_agent_status',
    title: 'Status of agents',
    description: 'The status of one agent, by its id or its name, or of all of a project.',
    reads: true,
    input: z.object({
      agentId: z.string().optional(),
      name: z.string().optional(),
      projectId: z.string().optional(),
    }),
    output: z.object({ agents: z.array(agent) }).extend(agent.partial().shape),
    run: async (_, { agentId, name, projectId }) => {
      const there = projectId === undefined ? seat : seat.inProject(projectId)
      const wanted = agentId ?? name
      if (wanted === undefined) {
        const { agents } = await there.callAsOwner('agents.list', {})
        return { agents: agents.map(presentAgent) }
      }
      const one = presentAgent(await there.callAsOwner('agents.get', { agent: wanted }))
      return { ...one, agents: [one] }
    },
  })

/** The tools programs of before know, beside those a model takes part with. */
export const legacyTools = (seat: HttpSeat): readonly AnyTool[] =>
  [projectCreate, projectList, agentCreate, agentStatus].map((of) => of(seat))
