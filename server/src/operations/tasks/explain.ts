import { policy } from '@tony/mcp-shared/policy'
import { agentRole } from '@tony/mcp-shared/roles'
import type { taskExplainInput, taskExplainOutput } from '@tony/mcp-shared/task-queries'
import { and, eq, gt, ne } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { placeholder, type Reader, type StatementParts, statement } from '../../store/store.ts'
import { type ExplainPredicate, reasonsOf } from './explain-reasons.ts'
import { requireTask } from './get.ts'
import { taskStatusOf } from './serialize.ts'

const agentLimit = 200

/** The number of agents to read at a time. A project may have thousands. */
const chunkLimit = 200

const findAgentsAfter = statement(({ db, t, p }: StatementParts<{ project: string; after: string; limit: number }>) => {
  const { id, projectId, name, role, capabilities, lastActivity, pausedAt, drainingAt } = t.agents
  return db
    .select({ id, projectId, name, role, capabilities, lastActivity, pausedAt, drainingAt })
    .from(t.agents)
    .where(and(eq(projectId, p.project), ne(t.agents.status, 'unregistered'), gt(name, p.after)))
    .orderBy(name)
    .limit(placeholder('limit'))
    .prepare()
})

type AgentRow = Awaited<ReturnType<ReturnType<(typeof findAgentsAfter)['build']>['execute']>>[number]

/**
 * Returns the conditions that exclude one agent from a task, apart from the task's own blockers.
 */
function exclusionsOf(ctx: Context, now: number, row: TaskRow, agent: AgentRow): ExplainPredicate[] {
  const lastActivity = Math.max(agent.lastActivity, ctx.presence.unwrittenActivityOf(agent.projectId, agent.id) ?? 0)
  const capabilities: string[] = JSON.parse(agent.capabilities)
  const requires: string[] = JSON.parse(row.requires)
  const checks: readonly (readonly [ExplainPredicate, boolean])[] = [
    ['role', !policy[agentRole.parse(agent.role)].has('tasks:work')],
    ['requires', requires.some((capability) => !capabilities.includes(capability))],
    ['assigned_to', row.assignedTo !== null && row.assignedTo !== agent.id],
    ['agent_paused', agent.pausedAt !== null],
    ['agent_draining', agent.drainingAt !== null],
    ['agent_offline', now - lastActivity >= ctx.config.agentTimeoutMs],
  ]
  return checks.filter(([, excluded]) => excluded).map(([predicate]) => predicate)
}

type ExplainedAgent = z.output<typeof taskExplainOutput>['agents'][number]

/** A number of agents, and the first of them. */
interface JudgedAgents {
  count: number
  readonly listed: ExplainedAgent[]
}

/** Returns the names of the agents that may claim a task and of the others. */
async function judgeAgents(ctx: Context, reader: Reader, row: TaskRow) {
  const { project } = ctx.principal
  const eligible: JudgedAgents = { count: 0, listed: [] }
  const others: JudgedAgents = { count: 0, listed: [] }
  let after = ''
  for (;;) {
    const agents = await reader.run(findAgentsAfter, { project, after, limit: chunkLimit })
    for (const agent of agents) {
      const excludedBy = exclusionsOf(ctx, reader.now, row, agent)
      const kind = excludedBy.length === 0 ? eligible : others
      kind.count += 1
      if (kind.listed.length === agentLimit) continue
      kind.listed.push({ agentId: agent.id, name: agent.name, eligible: excludedBy.length === 0, excludedBy })
    }
    after = agents.at(-1)?.name ?? after
    if (agents.length < chunkLimit) return { eligible, others }
  }
}

/**
 * `tasks.explain`: the reasons why a task is not running. It reads the task, its blockers and the
 * agents of the project.
 */
export const explainTask = (
  ctx: Context,
  input: z.output<typeof taskExplainInput>,
): Promise<z.output<typeof taskExplainOutput>> =>
  ctx.read(async (reader) => {
    const { project } = ctx.principal
    const row = await requireTask(reader, project, input.taskId)
    const { eligible, others } = await judgeAgents(ctx, reader, row)
    const reasons = await reasonsOf(reader, row)
    return {
      taskId: row.id,
      status: taskStatusOf(row),
      claimable: reasons.length === 0 && eligible.count > 0,
      reasons,
      agents: [...eligible.listed, ...others.listed].slice(0, agentLimit),
      truncated: eligible.count + others.count > agentLimit,
    }
  })
