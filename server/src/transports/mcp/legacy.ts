import { agentRole } from '@tony/mcp-shared/roles'
import { toSingleLine } from '@tony/mcp-shared/untrusted-text'
import type { Output } from '@tony/mcp-tools/calls'
import { errorCodeOf } from '@tony/mcp-tools/error-text'
import { type AnyTool, tool } from '@tony/mcp-tools/tool'
import { z } from 'zod'
import type { HttpToolSession } from './tool-session.ts'

type Project = Output<'projects.list'>['projects'][number]
type Agent = Output<'agents.get'>

const project = z.object({
  id: z.string(),
  name: z.string(),
  path: z.string().nullable(),
  status: z.enum(['active', 'paused']),
  createdAt: z.string(),
})

const toLegacyProject = ({ id, name, path, pausedAt, createdAt }: Project): z.output<typeof project> => ({
  id,
  name,
  path,
  status: pausedAt === null ? 'active' : 'paused',
  createdAt,
})

/**
 * Older programs read `status` from lists of agents and `state` from the status of one agent; both
 * fields hold the same value.
 */
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

const toLegacyAgent = (agentDetails: Agent): z.output<typeof agent> => ({
  id: agentDetails.id,
  agentId: agentDetails.id,
  name: toSingleLine(agentDetails.name),
  type: toSingleLine(agentDetails.type),
  role: agentDetails.role,
  status: agentDetails.status,
  state: agentDetails.status,
  capabilities: agentDetails.capabilities.map(toSingleLine),
  registeredAt: agentDetails.registeredAt,
  lastActivity: agentDetails.lastActivityAt,
})

const createdField = { created: z.boolean().describe('false when it was there already') }

/** Creates an object, or finds the existing one. The second value is true if it was created. */
const createOrFind = <T>(create: () => Promise<T>, existsCode: string, find: () => Promise<T>): Promise<[T, boolean]> =>
  create().then(
    (made): [T, boolean] => [made, true],
    async (error: unknown): Promise<[T, boolean]> => {
      if (errorCodeOf(error) !== existsCode) throw error
      return [await find(), false]
    },
  )

async function findProjectByName(toolSession: HttpToolSession, name: string): Promise<Project> {
  const { projects } = await toolSession.callAsOwner('projects.list', {})
  const found = projects.find((candidate) => candidate.name === name)
  if (!found) throw new Error('the project was deleted during the call')
  return found
}

const projectCreateToolOf = (toolSession: HttpToolSession): AnyTool =>
  tool({
    name: 'tony_project_create',
    title: 'Create a project',
    description: 'Creates a project, or finds the one of this name.',
    input: z.strictObject({ name: z.string(), path: z.string().optional(), description: z.string().optional() }),
    output: project.extend(createdField),
    run: async (_, { name, path }) => {
      const create = () => toolSession.callAsOwner('projects.create', { name, ...(path === undefined ? {} : { path }) })
      const [found, isNew] = await createOrFind(create, 'ALREADY_EXISTS', () => findProjectByName(toolSession, name))
      return { ...toLegacyProject(found), created: isNew }
    },
  })

const projectListToolOf = (toolSession: HttpToolSession): AnyTool =>
  tool({
    name: 'tony_project_list',
    title: 'List projects',
    description: 'Lists the projects of this server.',
    readOnly: true,
    input: z.strictObject({}),
    output: z.object({ projects: z.array(project) }),
    run: async () => {
      const { projects } = await toolSession.callAsOwner('projects.list', {})
      return { projects: projects.map(toLegacyProject) }
    },
  })

const agentCreateToolOf = (toolSession: HttpToolSession): AnyTool =>
  tool({
    name: 'tony_agent_create',
    title: 'Create an agent',
    description:
      'Registers an agent of this name in a project, or finds it. It gives no credential: to work, call join.',
    input: z.strictObject({
      name: z.string(),
      type: z.string().optional(),
      role: z.string().optional(),
      projectId: z.string().optional(),
      capabilities: z.array(z.string()).optional(),
    }),
    output: agent.extend(createdField),
    run: async (_, { name, type, role, projectId, capabilities = [] }) => {
      const scopedSession = projectId === undefined ? toolSession : toolSession.inProject(projectId)
      const parsedRole = agentRole.safeParse(role)
      const find = () => scopedSession.callAsOwner('agents.get', { agent: name })
      const create = async () => {
        const kind = type ?? role ?? 'implementation'
        const roleInput = parsedRole.success ? { role: parsedRole.data } : {}
        await scopedSession.callAsOwner('agents.register', { name, type: kind, capabilities, ...roleInput })
        return find()
      }
      const [registered, isNew] = await createOrFind(create, 'AGENT_NAME_TAKEN', find)
      return { ...toLegacyAgent(registered), created: isNew }
    },
  })

const agentStatusToolOf = (toolSession: HttpToolSession): AnyTool =>
  tool({
    name: 'tony_agent_status',
    title: 'Status of agents',
    description: 'The status of one agent, by its id or its name, or of all of a project.',
    readOnly: true,
    input: z.strictObject({
      agentId: z.string().optional(),
      name: z.string().optional(),
      projectId: z.string().optional(),
    }),
    output: z.object({ agents: z.array(agent) }).extend(agent.partial().shape),
    run: async (_, { agentId, name, projectId }) => {
      const scopedSession = projectId === undefined ? toolSession : toolSession.inProject(projectId)
      const agentRef = agentId ?? name
      if (agentRef === undefined) {
        const { agents } = await scopedSession.callAsOwner('agents.list', {})
        return { agents: agents.map(toLegacyAgent) }
      }
      const details = toLegacyAgent(await scopedSession.callAsOwner('agents.get', { agent: agentRef }))
      return { ...details, agents: [details] }
    },
  })

/** The tools that older programs call, in addition to the tools for models. */
export const createLegacyTools = (toolSession: HttpToolSession): readonly AnyTool[] =>
  [projectCreateToolOf, projectListToolOf, agentCreateToolOf, agentStatusToolOf].map((createTool) =>
    createTool(toolSession),
  )
