import { priority } from '@tony/mcp-shared/priorities'
import { z } from 'zod'
import { addWarning, type PlanEdge, PlanError, type PlanRecord, problemOf, type Warnings } from './plan.ts'

const athmsId = z.string('a task needs an id').min(1, 'a task needs an id').max(200, 'an id has at most 200 characters')

const athmsTask = z.looseObject({
  id: athmsId,
  title: z.string().nullish(),
  description: z.string().nullish(),
  level: z.string().nullish(),
  parentId: athmsId.nullish(),
  status: z.unknown().optional(),
  priority: z.unknown().optional(),
  dependencies: z.array(athmsId).nullish(),
  blockedBy: z.array(athmsId).nullish(),
})
type AthmsTask = z.output<typeof athmsTask>

const noPlan = 'is not a plan: expected JSON lines with issue_type (beads) or a JSON object with tasks (ATHMS)'

const athmsFile = z.looseObject(
  { tasks: z.record(z.string(), z.unknown(), noPlan).or(z.array(z.unknown(), noPlan)) },
  noPlan,
)

const statuses = new Map<unknown, PlanRecord['status']>([
  ['pending', 'pending'],
  ['assigned', 'pending'],
  ['in_progress', 'pending'],
  ['blocked', 'pending'],
  ['completed', 'completed'],
  ['failed', 'failed'],
  ['cancelled', 'cancelled'],
])

/**
 * Reads a Tony ATHMS file: one JSON object whose `tasks` maps ids to tasks. `dependencies` and
 * `blockedBy` both name tasks to wait for. The record's `metadata` has all other fields unchanged,
 * with the task's own `metadata` among them.
 *
 * @throws PlanError if the document is not JSON (with the line if the parser reports it), has no
 * `tasks`, or has an invalid task.
 */
export function athmsRecords(file: string, document: string, warnings: Warnings): PlanRecord[] {
  const parsed = athmsFile.safeParse(jsonOf(file, document))
  if (!parsed.success) throw new PlanError(file, noPlan)
  return Object.entries(parsed.data.tasks).map(([key, value]) => {
    const task = athmsTask.safeParse(value)
    if (!task.success) throw new PlanError(file, `tasks[${JSON.stringify(key)}]: ${problemOf(task.error)}`)
    if (!Array.isArray(parsed.data.tasks) && key !== task.data.id)
      addWarning(warnings, 'a key that is not the id of its task: the id counts', task.data)
    return recordOf(task.data, warnings)
  })
}

function jsonOf(file: string, document: string): unknown {
  try {
    return JSON.parse(document)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const [, line] = /\(line (\d+) column \d+\)$/.exec(reason) ?? []
    throw new PlanError(file, `is not JSON: ${reason}`, { line: line === undefined ? undefined : Number(line), cause })
  }
}

function recordOf(source: AthmsTask, warnings: Warnings): PlanRecord {
  const { id, title, description, level, parentId, dependencies, blockedBy, ...metadata } = source
  if (!level) addWarning(warnings, 'a task without level: read as task', { id })
  const edge = (kind: PlanEdge['kind']) => (to: string) => ({ kind, from: id, to, source: { depends_on_id: to } })
  return {
    id,
    kind: level || 'task',
    status: statusOf(source, warnings),
    priority: priorityOf(source, warnings),
    title: title ?? undefined,
    description: description ?? undefined,
    metadata,
    edges: [
      ...(parentId ? [parentId] : []).map(edge('parent')),
      ...[...(dependencies ?? []), ...(blockedBy ?? [])].map(edge('blocks')),
    ],
  }
}

function statusOf({ id, status }: AthmsTask, warnings: Warnings): PlanRecord['status'] {
  const known = typeof status === 'string' ? statuses.get(status.toLowerCase().replaceAll('-', '_')) : undefined
  if (known === undefined) addWarning(warnings, `unknown state ${JSON.stringify(status)}: read as pending`, { id })
  return known ?? 'pending'
}

function priorityOf({ id, priority: value }: AthmsTask, warnings: Warnings): PlanRecord['priority'] {
  const parsed = priority.safeParse(typeof value === 'string' ? value.toLowerCase() : (value ?? 'normal'))
  if (parsed.success) return parsed.data
  addWarning(warnings, `unknown priority ${JSON.stringify(value)}: read as normal`, { id })
  return 'normal'
}
