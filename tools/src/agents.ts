import { agentStatuses } from '@tony/mcp-shared/agents'
import { toSingleLine } from '@tony/mcp-shared/untrusted-text'
import { z } from 'zod'
import type { Output } from './calls.ts'
import { countAndSpendFitting } from './output-budget.ts'
import { type AnyTool, tool } from './tool.ts'
import type { ToolSession } from './tool-session.ts'

/** The number of agents that `who` lists. */
const maxListedAgents = 200

/** The number of capabilities that `who` lists of one agent. */
const maxListedCapabilities = 16

const join = tool({
  name: 'join',
  title: 'Join the fleet',
  description:
    'Makes you an agent of this project. Call it first; without arguments you join as this host is configured. Called again as something else, it releases the tasks you hold.',
  input: z.strictObject({
    type: z.string().min(1).max(200).optional().describe('implementation, qa, security, documentation, tech-lead, …'),
    capabilities: z
      .array(z.string().min(1).max(200))
      .max(64)
      .optional()
      .describe('what you can do; tasks may require some'),
    name: z.string().min(1).max(128).optional().describe('default: one that is yours for this session'),
  }),
  output: z.object({ agentId: z.string(), name: z.string(), role: z.string(), next: z.string() }),
  run: async (toolSession, profile) => {
    const { agentId, name, role } = await toolSession.join(profile)
    const prefix =
      role === 'tech-lead' ? 'Give out work with add_tasks, see how it stands with explain, or ' : 'To work, '
    return { agentId, name, role, next: `${prefix}call next_task. Messages come to inbox.` }
  },
})

const who = tool({
  name: 'who',
  title: 'See who is here',
  description: 'Lists the agents of the project that are here, with their role and whether they are at work.',
  readOnly: true,
  input: z.strictObject({ offline: z.boolean().default(false).describe('list offline agents too') }),
  output: z.object({
    you: z.string().describe('your name; empty before join'),
    agents: z.array(
      z.object({
        agentId: z.string(),
        name: z.string(),
        type: z.string(),
        role: z.string(),
        status: z.enum(agentStatuses),
        capabilities: z.array(z.string()),
      }),
    ),
    next: z.string().optional(),
  }),
  run: async (toolSession, { offline }, { budget }) => {
    const identity = await toolSession.currentAgent()
    const listed = (await listAgents(toolSession, offline)).slice(0, maxListedAgents)
    const agents = listed.map(({ id, name, type, role, status, capabilities }) => ({
      agentId: id,
      name: toSingleLine(name),
      type: toSingleLine(type),
      role,
      status,
      capabilities: capabilities.slice(0, maxListedCapabilities).map(toSingleLine),
    }))
    const count = countAndSpendFitting(agents, budget)
    return {
      you: identity ? toSingleLine(identity.name) : '',
      agents: agents.slice(0, count),
      ...(count === agents.length ? {} : { next: `${agents.length - count} more agents are here.` }),
    }
  },
})

/** Returns agents by name, up to a page beyond those that the tool lists. */
async function listAgents(toolSession: ToolSession, offline: boolean): Promise<Output<'agents.list'>['agents']> {
  const found: Output<'agents.list'>['agents'] = []
  let cursor: string | null = ''
  while (cursor !== null && found.length < maxListedAgents) {
    const page: Output<'agents.list'> = await toolSession.call('agents.list', cursor === '' ? {} : { cursor })
    found.push(...page.agents.filter(({ status }) => offline || status !== 'offline'))
    cursor = page.nextCursor
  }
  return found
}

export const agentTools: readonly AnyTool[] = [join, who]
