import { priority } from '@tony/mcp-shared/priorities'
import { z } from 'zod'
import type { Diagnostics } from './beads.ts'
import { applyCarriedRecord } from './carried.ts'
import { stateEffectOf, toSnakeCase } from './effects.ts'
import { addWarning, type PlanEdge, type PlanRecord, problemOf, type Warnings } from './plan.ts'
import { Problems } from './problems.ts'

const taskId = z.union([z.string().min(1), z.int()])

const taskmasterTaskFields = z.looseObject({
  id: taskId,
  title: z.string().nullish(),
  description: z.string().nullish(),
  details: z.string().nullish(),
  testStrategy: z.string().nullish(),
  status: z.unknown().optional(),
  priority: z.unknown().optional(),
  dependencies: z.array(taskId).nullish(),
})
const taskmasterTask = taskmasterTaskFields.extend({ subtasks: z.array(taskmasterTaskFields).nullish() })
type TaskmasterTaskFields = z.output<typeof taskmasterTaskFields>

const tagList = z.looseObject({ tasks: z.array(z.unknown()) })

/** One list of tasks. `others` are the fields of the file beside the tasks. */
export interface TagList {
  readonly tasks: readonly unknown[]
  readonly others: Readonly<Record<string, unknown>>
  readonly isTagged: boolean
}

/** The tag whose tasks keep their own numbers as ids. */
const mainTag = 'master'

/** Returns the task lists of a Task Master file by tag; undefined if the document is none. */
export function taskmasterTags(document: unknown): ReadonlyMap<string, TagList> | undefined {
  const untagged = tagList.safeParse(document)
  if (untagged.success) {
    const { tasks, ...others } = untagged.data
    return tasks.some(isTask) ? new Map([[mainTag, { tasks, others, isTagged: false }]]) : undefined
  }
  const tagged = z.record(z.string(), tagList).safeParse(document)
  if (!tagged.success) return undefined
  const tags = Object.entries(tagged.data).map(
    ([tag, { tasks, ...others }]) => [tag, { tasks, others, isTagged: true }] as const,
  )
  return tags.length > 0 && tags.every(([, { tasks }]) => tasks.every(isTask)) ? new Map(tags) : undefined
}

const taskmasterFieldNames = ['subtasks', 'details', 'testStrategy']

/** True for an element that is a task of Task Master and not one of another format. */
const isTask = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  (typeof value.id === 'number' || taskmasterFieldNames.some((field) => field in value))

/**
 * Reads a Task Master file. A tag is an epic, because its tasks are one list of work. The tags
 * number their tasks alike, so the ids of all tags but `master` begin with the tag. Subtasks are
 * children, `details` is the design and `testStrategy` the acceptance criteria.
 */
export function taskmasterRecords(tags: ReadonlyMap<string, TagList>, reading: Diagnostics): PlanRecord[] {
  const records: PlanRecord[] = []
  for (const [tag, { tasks, others, isTagged }] of tags) {
    const idOf = (id: string) => (tag === mainTag ? id : `${tag}:${id}`)
    const sources = tasks.flatMap((value, index) => {
      const parsed = taskmasterTask.safeParse(value)
      if (parsed.success) return [parsed.data]
      reading.problems.add({ problem: `${tag}.tasks[${index}]: ${problemOf(parsed.error)}` })
      return []
    })
    const localIds = new Set(
      sources.flatMap(({ id, subtasks }) => [String(id), ...(subtasks ?? []).map((sub) => `${id}.${sub.id}`)]),
    )
    for (const [index, source] of sources.entries())
      records.push(
        ...toPlanRecords(source, { tag, idOf, reading, localIds, list: index === 0 ? { others, isTagged } : {} }),
      )
  }
  reading.problems.throwIfAny()
  return records
}

/** The task of a subtask: its state, and its dependencies that the file does not hold. */
export interface TaskAbove {
  readonly status: unknown
  readonly missing: readonly string[]
}

/**
 * Reads one record without its edges: the export compares it with the task. `missing` are its
 * dependencies that the file does not hold.
 */
export function readTaskmasterRecord(
  value: Record<string, unknown>,
  { missing = [], above }: { missing?: readonly string[]; above?: TaskAbove | undefined } = {},
): PlanRecord {
  const warnings: Warnings = new Map()
  const reading = { warnings, problems: new Problems('', { warnings }) }
  const place = { tag: mainTag, idOf: (id: string) => id, reading, list: {}, localIds: new Set<string>() }
  const names = { id: '1', dependencyIds: missing }
  if (above === undefined) return toPlanRecord(taskmasterTaskFields.parse(value), place, names)
  return withholdSubtask(toPlanRecord(taskmasterTaskFields.parse(value), place, { ...names, parentId: '0' }), above)
}

interface RecordParams {
  readonly tag: string
  readonly idOf: (id: string) => string
  readonly reading: Diagnostics
  /** The ids of all tasks and subtasks of the tag. */
  readonly localIds: ReadonlySet<string>
  /** The list, with its first task: an export writes its fields again. */
  readonly list: Partial<Omit<TagList, 'tasks'>> & { readonly hasSubtasks?: boolean }
}

function toPlanRecords({ subtasks, ...source }: z.output<typeof taskmasterTask>, place: RecordParams): PlanRecord[] {
  const list = { ...place.list, ...(subtasks ? { hasSubtasks: true } : {}) }
  const dependencyIds = (source.dependencies ?? []).map(String)
  const parent = toPlanRecord(source, { ...place, list }, { id: String(source.id), dependencyIds })
  const above = { status: source.status, missing: dependencyIds.filter((id) => !place.localIds.has(id)) }
  const children = (subtasks ?? []).map((sub) => {
    // A number names a sibling, and `1.2` a subtask of any task.
    const siblingOf = (id: string) => (id.includes('.') ? id : `${source.id}.${id}`)
    const names = {
      id: `${source.id}.${sub.id}`,
      dependencyIds: (sub.dependencies ?? []).map((id) => siblingOf(String(id))),
      parentId: String(source.id),
    }
    return applyCarriedRecord(withholdSubtask(toPlanRecord(sub, { ...place, list: {} }, names), above), sub.status)
  })
  return [applyCarriedRecord(parent, source.status), ...children]
}

const missingReason = (ids: readonly string[]): string => `waits for ${ids.join(', ')}, which the file does not hold`

/**
 * Holds a pending subtask that Task Master would not offer because of its parent: the parent is
 * neither pending nor in progress, or is pending and waits for a task that the file does not hold.
 */
function withholdSubtask(part: PlanRecord, { status: word, missing }: TaskAbove): PlanRecord {
  if (part.status !== 'pending' || part.hold !== undefined) return part
  if (toSnakeCase(String(word)) === 'in_progress') return part
  const { status, hold } = stateEffectOf('taskmaster', word)
  if (status !== 'pending' || hold !== undefined) return { ...part, hold: `its task is ${String(word)} at its source` }
  return missing.length === 0 ? part : { ...part, hold: `its task ${missingReason(missing)}` }
}

interface RecordIds {
  readonly id: string
  readonly dependencyIds: readonly string[]
  readonly parentId?: string
}

function toPlanRecord(
  source: TaskmasterTaskFields,
  { tag, idOf, reading, localIds, list: listOf }: RecordParams,
  names: RecordIds,
): PlanRecord {
  const { title, description, details, testStrategy, id: ownId, dependencies, ...metadata } = source
  const id = idOf(names.id)
  const { status, known, ...effect } = stateEffectOf('taskmaster', source.status)
  if (!known)
    addWarning(reading.warnings, `unknown state ${JSON.stringify(source.status)}: held until tasks.unhold`, { id })
  const edge = (kind: PlanEdge['kind']) => (name: string) => {
    const to = idOf(name)
    return { kind, from: id, to, isHeld: kind === 'blocks', source: { depends_on_id: to } }
  }
  const missing = names.dependencyIds.filter((name) => !localIds.has(name))
  const waits = missing.length > 0 && status === 'pending' ? `it ${missingReason(missing)}` : undefined
  const hold = effect.hold ?? waits
  return {
    ...{ id, status, isWork: true, epic: tag },
    kind: names.parentId === undefined ? 'task' : 'subtask',
    ...(hold === undefined ? {} : { hold }),
    priority: readPriority(source, id, reading),
    title: title ?? undefined,
    description: description ?? undefined,
    ...(details ? { design: details } : {}),
    ...(testStrategy ? { acceptanceCriteria: testStrategy } : {}),
    metadata,
    origin: { format: 'taskmaster', tag, id: ownId, ...(dependencies ? { dependencies } : {}), ...listOf },
    edges: [
      ...(names.parentId === undefined ? [] : [names.parentId]).map(edge('parent')),
      ...names.dependencyIds.map(edge('blocks')),
    ],
  }
}

function readPriority(
  { priority: value }: TaskmasterTaskFields,
  id: string,
  { warnings }: Diagnostics,
): PlanRecord['priority'] {
  const parsed = priority.safeParse(typeof value === 'string' ? value.toLowerCase() : (value ?? 'normal'))
  if (parsed.success) return parsed.data
  addWarning(warnings, `unknown priority ${JSON.stringify(value)}: read as normal`, { id })
  return 'normal'
}
