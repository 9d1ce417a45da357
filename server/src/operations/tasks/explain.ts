import { policy } from '@tony/mcp-shared/policy'
import { agentRole } from '@tony/mcp-shared/roles'
import type { taskExplainInput, taskExplainOutput } from '@tony/mcp-shared/task-queries'
import { and, eq, ne } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { type Query, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import { type Predicate, reasonsOf } from './explain-reasons.ts'
import { requireTask } from './get.ts'
import { statusOf, type TaskRow } from './serialize.ts'

const agentLimit = 200

type AgentRow = Tables['agents']['$inferSelect']

const agentsOf = statement(({ db, t, p }: Query<{ project: string }>) =>
  db
    .select()
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), ne(t.agents.status, 'unregistered')))
    .orderBy(t.agents.name)
    .prepare(),
)

/**
 * Returns the conditions that exclude one agent from a task, apart from the task's own blockers.
 */
function exclusions(ctx: Context, now: number, row: TaskRow, agent: AgentRow): Predicate[] {
  const lastActivity = Math.max(agent.lastActivity, ctx.presence.lastSeen(agent.projectId, agent.id) ?? 0)
  const capabilities: string[] = JSON.parse(agent.capabilities)
  const requires: string[] = JSON.parse(row.requires)
  const checks: readonly (readonly [Predicate, boolean])[] = [
    ['role', !policy[agentRole.parse(agent.role)].has('tasks:work')],
    ['requires', requires.some((capability) => !capabilities.includes(capability))],
    ['assigned_to', row.assignedTo !== null && row.assignedTo !== agent.id],
    ['agent_paused', agent.pausedAt !== null],
    ['agent_draining', agent.drainingAt !== null],
    ['agent_offline', now - lastActivity >= ctx.config.agentTimeoutMs],
  ]
  return checks.filter(([, excluded]) => excluded).map(([predicate]) => predicate)
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
    const agents = (await reader.run(agentsOf, { project })).map((agent) => {
      const excludedBy = exclusions(ctx, reader.now, row, agent)
      return { agentId: agent.id, name: agent.name, eligible: excludedBy.length === 0, excludedBy }
    })
    const eligible = agents.filter((agent) => agent.eligible)
    const others = agents.filter((agent) => !agent.eligible)
    const reasons = await reasonsOf(reader, row)
    return {
      taskId: row.id,
      status: statusOf(row),
      claimable: reasons.length === 0 && eligible.length > 0,
      reasons,
      agents: [...eligible, ...others].slice(0, agentLimit),
      truncated: agents.length > agentLimit,
    }
  })
