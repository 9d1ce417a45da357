import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq, sql } from 'drizzle-orm'
import { type Query, type Reader, statement } from '../../store/store.ts'

/** What an agent may be handed now, as its row and its project's say: a token knows only what was so when it was given. */
export interface Admission {
  /** It, or its whole project: no task, no message, no request. */
  readonly paused: boolean
  /** No new task, no request; its mail still. */
  readonly draining: boolean
  /** A JSON list. */
  readonly capabilities: string
  /** Whether any epic of the project is paused. */
  readonly pausedEpics: boolean
  /** How many routes the project has. */
  readonly groupCount: number
}

const findAdmission = statement(({ db, t, p }: Query<{ agentId: string }>) =>
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

/** Asked at the beginning of whatever hands something out, in the same transaction. */
export async function admissionOf(reader: Reader, agentId: string): Promise<Admission> {
  const [row] = await reader.run(findAdmission, { agentId })
  // Its registration was lost with a primary, or with what came after a backup: its token is of an agent that is not.
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

/** As a heartbeat tells it. An agent that is to leave is told so during a pause too: it would wait for an end that may never come. */
export const agentStateOf = ({ paused, draining }: Admission): 'running' | 'paused' | 'draining' =>
  draining ? 'draining' : paused ? 'paused' : 'running'
