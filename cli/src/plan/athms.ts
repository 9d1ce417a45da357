import { priority } from '@tony/mcp-shared/priorities'
import { z } from 'zod'
import type { Diagnostics } from './beads.ts'
import { stateEffectOf } from './effects.ts'
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

const noPlanMessage = 'is not a plan: expected JSON lines with issue_type (beads) or a JSON object with tasks (ATHMS)'

const athmsFile = z.looseObject(
  { tasks: z.record(z.string(), z.unknown(), noPlanMessage).or(z.array(z.unknown(), noPlanMessage)) },
  noPlanMessage,
)

/**
 * Reads a Tony ATHMS file: one JSON object whose `tasks` maps ids to tasks. `dependencies` and
 * `blockedBy` both name tasks to wait for. The record's `metadata` has all other fields unchanged,
 * with the task's own `metadata` among them.
 *
 * @throws PlanError if the document is not JSON (with the line if the parser reports it), has no
 * `tasks`, or has invalid tasks.
 */
export function athmsRecords(file: string, document: string, { warnings, problems }: Diagnostics): PlanRecord[] {
  const parsed = athmsFile.safeParse(jsonOf(file, document))
  if (!parsed.success) throw new PlanError(file, noPlanMessage)
  const records: PlanRecord[] = []
  for (const [key, value] of Object.entries(parsed.data.tasks)) {
    const task = athmsTask.safeParse(value)
    if (!task.success) {
      problems.add({ problem: `tasks[${JSON.stringify(key)}]: ${problemOf(task.error)}` })
      continue
    }
    if (!Array.isArray(parsed.data.tasks) && key !== task.data.id)
      addWarning(warnings, 'a key that is not the id of its task: the id counts', task.data)
    records.push(toPlanRecord(task.data, warnings))
  }
  problems.throwIfAny()
  return records
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

function toPlanRecord(source: AthmsTask, warnings: Warnings): PlanRecord {
  const { id, title, description, level, parentId, dependencies, blockedBy, ...metadata } = source
  if (!level) addWarning(warnings, 'a task without level: read as task', { id })
  const edge = (kind: PlanEdge['kind']) => (to: string) => ({ kind, from: id, to, source: { depends_on_id: to } })
  const { status, hold, known } = stateEffectOf('athms', source.status)
  if (!known) addWarning(warnings, `unknown state ${JSON.stringify(source.status)}: held until tasks.unhold`, { id })
  const waits = [...(dependencies ?? []), ...(blockedBy ?? [])]
  // Tony sets `blocked` for a task with open dependencies, which hold it here too.
  const isHeld = hold !== undefined && !(status === 'pending' && source.status === 'blocked' && waits.length > 0)
  return {
    ...{ id, status, kind: level || 'task' },
    ...(isHeld ? { hold } : {}),
    priority: readPriority(source, warnings),
    title: title ?? undefined,
    description: description ?? undefined,
    metadata,
    edges: [...(parentId ? [parentId] : []).map(edge('parent')), ...waits.map(edge('blocks'))],
  }
}

function readPriority({ id, priority: value }: AthmsTask, warnings: Warnings): PlanRecord['priority'] {
  const parsed = priority.safeParse(typeof value === 'string' ? value.toLowerCase() : (value ?? 'normal'))
  if (parsed.success) return parsed.data
  addWarning(warnings, `unknown priority ${JSON.stringify(value)}: read as normal`, { id })
  return 'normal'
}
