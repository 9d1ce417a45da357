import type { Client } from '@tony/mcp-client'
import type { PlannedRow } from './plan.ts'

/** The rows of a plan for one project. */
export interface AssignedRows {
  readonly rows: readonly PlannedRow[]
  /** The agents of the plan that the project does not have, with the number of their tasks. */
  readonly absent: Readonly<Record<string, number>>
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

/** Returns the row without its assignee. Open work is held: nobody else may take it. */
function withoutAssignee({ assignedTo, ...row }: PlannedRow): PlannedRow {
  if (row.status !== 'pending' && row.status !== undefined) return row
  return { ...row, hold: row.hold ?? `it is assigned to ${assignedTo}, which is not registered here` }
}

/**
 * Holds the tasks of agents that the project does not have. The server refuses a plan with such an
 * assignee, and a file may come from another project.
 */
export async function holdForAbsentAgents(client: Client, rows: readonly PlannedRow[]): Promise<AssignedRows> {
  if (!rows.some(({ assignedTo }) => assignedTo !== undefined)) return { rows, absent: {} }
  const agents = await loadAgentIdentifiers(client)
  const absent: Record<string, number> = {}
  const assigned = rows.map((row) => {
    const { assignedTo } = row
    if (assignedTo === undefined || agents.has(assignedTo)) return row
    absent[assignedTo] = (absent[assignedTo] ?? 0) + 1
    return withoutAssignee(row)
  })
  return { rows: assigned, absent }
}
