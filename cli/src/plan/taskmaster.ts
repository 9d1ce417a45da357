import { priority } from '@tony/mcp-shared/priorities'
import { z } from 'zod'
import type { Reading } from './beads.ts'
import { stateEffectOf } from './effects.ts'
import { addWarning, type PlanEdge, type PlanRecord, problemOf } from './plan.ts'

const taskId = z.union([z.string().min(1), z.int()]).transform(String)

const base = z.looseObject({
  id: taskId,
  title: z.string().nullish(),
  description: z.string().nullish(),
  details: z.string().nullish(),
  testStrategy: z.string().nullish(),
  status: z.unknown().optional(),
  priority: z.unknown().optional(),
  dependencies: z.array(taskId).nullish(),
})
const task = base.extend({ subtasks: z.array(base).nullish() })
type Source = z.output<typeof base>

const list = z.looseObject({ tasks: z.array(z.unknown()) })

/** The tag whose tasks keep their own numbers as ids. */
const mainTag = 'master'

/** Returns the task lists of a Task Master file by tag; undefined if the document is none. */
export function taskmasterTags(document: unknown): ReadonlyMap<string, readonly unknown[]> | undefined {
  const untagged = list.safeParse(document)
  if (untagged.success) return untagged.data.tasks.some(isTask) ? new Map([[mainTag, untagged.data.tasks]]) : undefined
  const tagged = z.record(z.string(), list).safeParse(document)
  if (!tagged.success) return undefined
  const tags = Object.entries(tagged.data).map(([tag, { tasks }]) => [tag, tasks] as const)
  return tags.length > 0 && tags.every(([, tasks]) => tasks.every(isTask)) ? new Map(tags) : undefined
}

const fieldsOfTasks = ['subtasks', 'details', 'testStrategy']

/** True for an element that is a task of Task Master and not one of another format. */
const isTask = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  (typeof value.id === 'number' || fieldsOfTasks.some((field) => field in value))

/**
 * Reads a Task Master file. A tag is an epic, because its tasks are one list of work. The tags
 * number their tasks alike, so the ids of all tags but `master` begin with the tag. Subtasks are
 * children, `details` is the design and `testStrategy` the acceptance criteria.
 */
export function taskmasterRecords(tags: ReadonlyMap<string, readonly unknown[]>, reading: Reading): PlanRecord[] {
  const records: PlanRecord[] = []
  for (const [tag, tasks] of tags) {
    const idOf = (id: string) => (tag === mainTag ? id : `${tag}:${id}`)
    for (const [index, value] of tasks.entries()) {
      const parsed = task.safeParse(value)
      if (!parsed.success) reading.problems.add({ problem: `${tag}.tasks[${index}]: ${problemOf(parsed.error)}` })
      else records.push(...recordsOf(parsed.data, { tag, idOf, reading }))
    }
  }
  reading.problems.refuse()
  return records
}

interface Place {
  readonly tag: string
  readonly idOf: (id: string) => string
  readonly reading: Reading
}

function recordsOf({ subtasks, ...source }: z.output<typeof task>, place: Place): PlanRecord[] {
  const parent = recordOf(source, place, { id: source.id, dependencyIds: source.dependencies ?? [] })
  const children = (subtasks ?? []).map((sub) => {
    // A number names a sibling, and `1.2` a subtask of any task.
    const dependencyIds = (sub.dependencies ?? []).map((id) => (id.includes('.') ? id : `${source.id}.${id}`))
    return recordOf(sub, place, { id: `${source.id}.${sub.id}`, dependencyIds, parentId: source.id })
  })
  return [parent, ...children]
}

interface Names {
  readonly id: string
  readonly dependencyIds: readonly string[]
  readonly parentId?: string
}

function recordOf(source: Source, { tag, idOf, reading }: Place, names: Names): PlanRecord {
  const { title, description, details, testStrategy, id: _, dependencies: __, ...metadata } = source
  const id = idOf(names.id)
  const { status, hold, known } = stateEffectOf('taskmaster', source.status)
  if (!known)
    addWarning(reading.warnings, `unknown state ${JSON.stringify(source.status)}: held until tasks.unhold`, { id })
  const edge = (kind: PlanEdge['kind']) => (name: string) => {
    const to = idOf(name)
    return { kind, from: id, to, source: { depends_on_id: to } }
  }
  return {
    ...{ id, status, isWork: true, epic: tag },
    kind: names.parentId === undefined ? 'task' : 'subtask',
    ...(hold === undefined ? {} : { hold }),
    priority: priorityOf(source, id, reading),
    title: title ?? undefined,
    description: description ?? undefined,
    ...(details ? { design: details } : {}),
    ...(testStrategy ? { acceptanceCriteria: testStrategy } : {}),
    metadata,
    edges: [
      ...(names.parentId === undefined ? [] : [names.parentId]).map(edge('parent')),
      ...names.dependencyIds.map(edge('blocks')),
    ],
  }
}

function priorityOf({ priority: value }: Source, id: string, { warnings }: Reading): PlanRecord['priority'] {
  const parsed = priority.safeParse(typeof value === 'string' ? value.toLowerCase() : (value ?? 'normal'))
  if (parsed.success) return parsed.data
  addWarning(warnings, `unknown priority ${JSON.stringify(value)}: read as normal`, { id })
  return 'normal'
}
