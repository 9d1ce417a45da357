import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq, sql } from 'drizzle-orm'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'

/**
 * The restrictions on an agent, read from its row and its project's. Its token may be out of date.
 */
export interface Admission {
  /** The agent or its whole project is paused: no task, no message, no request. */
  readonly paused: boolean
  /** The agent gets no new task and no request, but still its messages. */
  readonly draining: boolean
  /** A JSON list. */
  readonly capabilities: string
  /** True if any epic of the project is paused. */
  readonly pausedEpics: boolean
  /** The number of claim groups in the project. */
  readonly groupCount: number
}

const findAdmission = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .select({
      paused: sql<number>`${t.agents.pausedAt} is not null or ${t.projects.pausedAt} is not null`,
      draining: sql<number>`${t.agents.drainingAt} is not null`,
      capabilities: t.agents.capabilities,
      pausedEpics: sql<number>`exists (select 1 from ${t.pausedEpics} where ${t.pausedEpics.projectId} = ${t.projects.id})`,
      routes: t.projects.routes,
    })
    .from(t.agents)
    .innerJoin(t.projects, eq(t.projects.id, t.agents.projectId))
    .where(eq(t.agents.id, p.agentId))
    .prepare(),
)

/**
 * Reads the admission of an agent. Everything that hands out work calls it first, in the same
 * transaction. Throws TOKEN_REVOKED for an unknown agent.
 */
export async function admissionOf(reader: Reader, agentId: string): Promise<Admission> {
  const [row] = await reader.run(findAdmission, { agentId })
  // The registration was lost in a failover or a restore, but the token is still valid.
  if (!row) throw new CoordinationError('TOKEN_REVOKED', 'this agent is not registered: register again')
  const { paused, draining, capabilities, pausedEpics, routes } = row
  return {
    paused: paused === 1,
    draining: draining === 1,
    capabilities,
    pausedEpics: pausedEpics === 1,
    groupCount: routes,
  }
}

/**
 * The state that a heartbeat returns. Draining comes before paused: an agent that must leave would
 * otherwise wait for a pause that may never end.
 */
export const agentStateOf = ({ paused, draining }: Admission): 'running' | 'paused' | 'draining' =>
  draining ? 'draining' : paused ? 'paused' : 'running'
