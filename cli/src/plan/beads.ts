import { z } from 'zod'
import type { Line } from './lines.ts'
import { addWarning, type PlanEdge, PlanError, type PlanRecord, problemOf, type Warnings } from './plan.ts'

const beadsId = z
  .string('a record needs an id')
  .min(1, 'a record needs an id')
  .max(200, 'an id has at most 200 characters')

const dependency = z.looseObject({
  issue_id: z.string().nullish(),
  depends_on_id: beadsId,
  type: z.string().nullish(),
})

const issue = z.looseObject(
  {
    id: beadsId,
    title: z.string().nullish(),
    description: z.string().nullish(),
    issue_type: z.string().nullish(),
    status: z.unknown().optional(),
    priority: z.unknown().optional(),
    dependencies: z.array(dependency).nullish(),
  },
  'a record is a JSON object',
)
type Issue = z.output<typeof issue>

const statuses = new Map<unknown, PlanRecord['status']>([
  ['open', 'pending'],
  ['in_progress', 'pending'],
  ['hooked', 'pending'],
  ['blocked', 'pending'],
  ['closed', 'completed'],
  ['tombstone', 'cancelled'],
])

const priorities = new Map<unknown, PlanRecord['priority']>([
  [0, 'critical'],
  [1, 'high'],
  [2, 'normal'],
  [3, 'low'],
  [4, 'low'],
])

const edgeKinds = new Map<string, PlanEdge['kind']>([
  ['blocks', 'blocks'],
  ['parent_child', 'parent'],
])

/**
 * Reads beads issues: JSON lines with `id`, `issue_type`, `status`, `priority` 0 to 4 and
 * `dependencies`. The record's `metadata` has all other fields unchanged. It also has `status` and
 * `priority`, which have more values there than in the contract.
 *
 * @throws PlanError with the line that is not JSON or not an issue, or if no record has an
 * `issue_type`.
 */
export async function beadsRecords(
  file: string,
  lines: AsyncIterable<Line>,
  warnings: Warnings,
): Promise<PlanRecord[]> {
  const records: PlanRecord[] = []
  let typed = false
  for await (const line of lines) {
    if (line.text.trim() === '') continue
    const parsed = issue.safeParse(jsonOf(file, line))
    if (!parsed.success) throw new PlanError(file, problemOf(parsed.error), { line: line.number })
    typed ||= typeof parsed.data.issue_type === 'string'
    records.push(recordOf(parsed.data, line.number, warnings))
  }
  if (records.length > 0 && !typed)
    throw new PlanError(file, 'no record has an issue_type, so this is not a beads file')
  return records
}

function jsonOf(file: string, line: Line): unknown {
  try {
    return JSON.parse(line.text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PlanError(file, `is not JSON: ${reason}`, { line: line.number, cause })
  }
}

function recordOf(source: Issue, line: number, warnings: Warnings): PlanRecord {
  const { id, title, description, issue_type: kind, dependencies, ...metadata } = source
  const position = { id, line }
  if (!kind) addWarning(warnings, 'a record without issue_type: read as task', position)
  return {
    id,
    line,
    kind: kind || 'task',
    status: statusOf(source.status, position, warnings),
    priority: priorityOf(source.priority, position, warnings),
    title: title ?? undefined,
    description: description ?? undefined,
    metadata,
    edges: (dependencies ?? []).map((each) => ({
      kind: edgeKinds.get(toSnakeCase(each.type ?? 'blocks')) ?? 'other',
      from: each.issue_id ?? id,
      to: each.depends_on_id,
      source: each,
    })),
  }
}

function statusOf(status: unknown, position: { id: string; line: number }, warnings: Warnings): PlanRecord['status'] {
  const known = typeof status === 'string' ? statuses.get(toSnakeCase(status)) : undefined
  if (known === undefined) addWarning(warnings, `unknown state ${JSON.stringify(status)}: read as pending`, position)
  return known ?? 'pending'
}

function priorityOf(
  value: unknown,
  position: { id: string; line: number },
  warnings: Warnings,
): PlanRecord['priority'] {
  const known = priorities.get(value ?? 2)
  if (known === undefined) addWarning(warnings, `unknown priority ${JSON.stringify(value)}: read as normal`, position)
  return known ?? 'normal'
}

const toSnakeCase = (word: string): string => word.toLowerCase().replaceAll('-', '_')
