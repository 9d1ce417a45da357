import type { Client } from '@tony/mcp-client'
import type { Plan, PlannedRow } from './plan.ts'

/** The rows of a plan for one project. */
export interface AssignedRows {
  readonly rows: readonly PlannedRow[]
  /** The agents of the plan that the project does not have, with the number of their tasks. */
  readonly absent: ReadonlyMap<string, number>
}

/** Returns the names and the ids of the agents of a project. */
async function loadAgentIdentifiers(client: Client): Promise<Set<string>> {
  const agents = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await client.agents.list(cursor === undefined ? {} : { cursor })
    for (const { id, name } of page.agents) agents.add(id).add(name)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return agents
}

/**
 * Returns the row without its assignee. Open work is held, because nobody else may take it, unless
 * `liftHolds`.
 */
function withoutAssignee({ assignedTo, ...row }: PlannedRow, liftHolds: boolean): PlannedRow {
  if (liftHolds) return row
  if (row.status !== 'pending' && row.status !== undefined) return row
  return { ...row, hold: row.hold ?? `it is assigned to ${assignedTo}, which is not registered here` }
}

/**
 * Removes the assignment to agents that the project does not have, and holds these tasks unless the
 * plan lifts all holds. The server refuses a plan with such an assignee, and a file may come from
 * another project.
 */
export async function removeAbsentAgents(
  client: Client,
  { tasks: rows, liftHolds }: Pick<Plan, 'tasks' | 'liftHolds'>,
): Promise<AssignedRows> {
  const absent = new Map<string, number>()
  if (!rows.some(({ assignedTo }) => assignedTo !== undefined)) return { rows, absent }
  const agents = await loadAgentIdentifiers(client)
  const assigned = rows.map((row) => {
    const { assignedTo } = row
    if (assignedTo === undefined || agents.has(assignedTo)) return row
    absent.set(assignedTo, (absent.get(assignedTo) ?? 0) + 1)
    return withoutAssignee(row, liftHolds)
  })
  return { rows: assigned, absent }
}
