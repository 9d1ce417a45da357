import { createHash } from 'node:crypto'
import type { Task } from '@tony/mcp-client'
import { readBeadsEdge, readBeadsRecord, remarksOf } from '../plan/beads.ts'
import { type CarriedRecord, exportAuthor } from '../plan/carried.ts'
import { toSnakeCase, trackerEffects } from '../plan/effects.ts'
import type { PlanRecord } from '../plan/plan.ts'
import { textLimit, titleLimit, truncate } from '../plan/rows.ts'
import { carriedRecordOf, otherMetadataOf } from './carry.ts'
import { type ExportedProject, originOf, type TaskOutline } from './project.ts'
import { outcomeRemarksOf, plannedNotBefore, stateOf } from './state.ts'

type JsonObject = Record<string, unknown>

/** beads refuses longer titles. */
const beadsTitleLimit = 500

const priorityNumbers = { critical: 0, high: 1, normal: 2, low: 3 } as const
const priorityByNumber: Readonly<Record<number, Task['priority']>> = {
  0: 'critical',
  1: 'high',
  2: 'normal',
  3: 'low',
  4: 'low',
}

/** The kinds of issues that every version of beads accepts. */
const issueTypes: readonly string[] = ['task', 'bug', 'feature', 'epic', 'chore']

const beadsIdPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]*-[A-Za-z0-9.]+$/

/**
 * Returns the ids of the file by task. An id of beads stays. Other tasks get the prefix of the
 * project and a hash, as beads makes them.
 */
export function beadsIdsOf(outlines: ReadonlyMap<string, TaskOutline>): Map<string, string> {
  const ids = new Map<string, string>()
  const used = new Set<string>()
  let prefix: string | undefined
  for (const { id, externalId } of outlines.values()) {
    if (externalId === null || !beadsIdPattern.test(externalId)) continue
    ids.set(id, externalId)
    used.add(externalId)
    prefix ??= externalId.slice(0, externalId.lastIndexOf('-'))
  }
  for (const { id } of outlines.values()) {
    if (ids.has(id)) continue
    const hash = BigInt(`0x${createHash('sha256').update(id).digest('hex')}`).toString(36)
    let length = 6
    while (used.has(`${prefix ?? 'tony'}-${hash.slice(0, length)}`)) length += 1
    const made = `${prefix ?? 'tony'}-${hash.slice(0, length)}`
    ids.set(id, made)
    used.add(made)
  }
  return ids
}

const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** Returns the text of a field as in the source, where it may be longer than a field here. */
function sourceTextOf(
  task: Task,
  source: JsonObject,
  field: 'title' | 'description' | 'acceptanceCriteria' | 'design',
) {
  const value = task[field] ?? undefined
  const whole = stringOf(source[field])
  const limit = field === 'title' ? titleLimit : textLimit
  return whole !== undefined && whole.length > limit && truncate(whole, limit) === value ? whole : value
}

/** Returns the notes without the comments and labels that the import has put behind them. */
function notesOf(task: Task, source: JsonObject): string | undefined {
  const notes = task.notes ?? undefined
  const { comments, labels } = readBeadsRecord({ id: 'x', ...source }).source
  const tail = remarksOf({ comments, labels }).join('\n\n')
  if (notes === undefined || tail === '') return notes
  if (notes === tail) return undefined
  return notes.endsWith(`\n\n${tail}`) ? notes.slice(0, -tail.length - 2) : notes
}

const edgeTypes = { blocks: 'blocks', children: 'waits-for', failure: 'conditional-blocks', parent: 'parent-child' }

interface Edge {
  readonly kind: keyof typeof edgeTypes
  readonly to: string
}

/** Writes the records of one project. */
export class BeadsWriter {
  readonly #project: ExportedProject
  readonly #ids: ReadonlyMap<string, string>
  readonly #externalIds: ReadonlySet<string>
  readonly #now: string

  constructor(project: ExportedProject, now: string) {
    this.#project = project
    this.#ids = beadsIdsOf(project.outlines)
    this.#externalIds = new Set(this.#ids.values())
    this.#now = now
  }

  #idOf(id: string): string {
    return this.#ids.get(id) ?? id
  }

  /** Returns the current edges of a task, in the ids of the file. */
  #edgesOf(task: Task): Edge[] {
    const edges = [
      ...(task.parentId === null ? [] : [{ kind: 'parent' as const, to: task.parentId }]),
      ...task.dependsOn.map((to) => ({ kind: 'blocks' as const, to })),
      ...task.waitsFor.map(({ taskId, kind }) => ({ kind, to: taskId })),
    ]
    return edges.filter(({ to }) => this.#ids.has(to)).map(({ kind, to }) => ({ kind, to: this.#idOf(to) }))
  }

  /**
   * Returns the `dependencies` of the record: first the edges of the imported record, then the new
   * ones. An imported edge is dropped only if it leads to a task of this project that is no longer
   * a dependency or the parent.
   */
  #dependenciesOf(task: Task): JsonObject[] {
    const id = this.#idOf(task.id)
    const current = this.#edgesOf(task)
    const { edges } = originOf(task)
    const kept = Array.isArray(task.metadata['dependencies']) ? task.metadata['dependencies'].map(keyOfEdge) : []
    const written = new Set<string>()
    const old = (Array.isArray(edges) ? edges : []).filter((raw: JsonObject) => {
      const [edge] = readBeadsEdge(raw, id)
      if (!edge || edge.from !== id || edge.effect === 'none' || edge.effect === undefined) return true
      const isCurrent = current.some(({ kind, to }) => kind === edge.effect && to === edge.to)
      if (isCurrent) written.add(`${edge.effect} ${edge.to}`)
      return isCurrent || !this.#externalIds.has(edge.to) || kept.includes(keyOfEdge(raw))
    })
    const added = current
      .filter(({ kind, to }) => !written.has(`${kind} ${to}`))
      .map(({ kind, to }) => ({
        ...{ issue_id: id, depends_on_id: to, type: edgeTypes[kind] },
        ...{ created_at: task.createdAt, created_by: exportAuthor },
      }))
    return [...old, ...added]
  }

  /** Returns the comments of the source and the remarks about the task here. */
  #commentsOf(task: Task, source: JsonObject): JsonObject[] {
    const old: JsonObject[] = Array.isArray(source['comments']) ? source['comments'] : []
    const texts = new Set(old.filter(({ author }) => author === exportAuthor).map(({ text }) => text))
    const added = outcomeRemarksOf(task, (agent) => this.#project.nameOf(agent))
      .filter(({ text }) => !texts.has(text))
      .map(({ text, at }) => ({ issue_id: this.#idOf(task.id), author: exportAuthor, text, created_at: at }))
    return [...old, ...added]
  }

  /** Returns the word of the state, which is that of the source if it still holds. */
  #wordOf(task: Task, record: JsonObject, source: JsonObject): string {
    const { status, hold, isTaken } = stateOf(task)
    const word = stringOf(source['status'])
    const read = readBeadsRecord({ ...record, status: word }).record
    if (word !== undefined && !isTaken && read.status === status && read.hold === hold && !this.#isStuck(task))
      return word
    if (status !== 'pending') return 'closed'
    if (isTaken) return 'in_progress'
    return hold !== undefined || this.#isStuck(task) ? 'blocked' : 'open'
  }

  #isStuck(task: Task): boolean {
    return stateOf(task).hold === undefined && this.#project.isStuck(task.id)
  }

  /** Returns the fields of the record that follow from its state. */
  #stateFields(task: Task, word: string, source: JsonObject): JsonObject {
    const closed = trackerEffects.beads.states[toSnakeCase(word)]?.status === 'completed'
    const { closed_at: closedAt, close_reason: reason, ...rest } = source
    const reasons = { failed: `failed: ${task.error ?? 'no error given'}`, cancelled: `cancelled: ${task.error ?? ''}` }
    const ending =
      word === source['status'] ? reason : Object.entries(reasons).find(([end]) => end === task.status)?.[1]
    // A child of a deferred issue is deferred with it.
    const above = this.#project.outlines.get(task.parentId ?? '')?.notBefore
    const isImplied = isSameTime(source['defer_until'], task.notBefore) || above === task.notBefore
    const deferral = isImplied ? null : plannedNotBefore(task)
    const holder = stateOf(task).isTaken ? this.#project.nameOf(task.claimedBy) : undefined
    return {
      ...rest,
      status: word,
      ...(closed ? { closed_at: closedAt ?? task.completedAt ?? task.createdAt } : {}),
      ...(!closed && word === source['status'] && closedAt !== undefined ? { closed_at: closedAt } : {}),
      ...(ending !== undefined && (closed || word === source['status']) ? { close_reason: ending } : {}),
      ...(deferral === null ? {} : { defer_until: deferral }),
      ...(holder === undefined ? {} : { assignee: holder }),
    }
  }

  /** Returns the record of a task. */
  recordOf(task: Task): JsonObject {
    const isOwn = originOf(task)['format'] !== 'beads'
    const { importedFrom: _, dependencies: __, notes: ___, ...ofSource } = task.metadata
    const source: JsonObject = isOwn ? {} : ofSource
    const { title, description, acceptanceCriteria, design, ...unknown } = source
    const number = priorityNumbers[task.priority]
    const known = typeof source['priority'] === 'number' && priorityByNumber[source['priority']] === task.priority
    const texts = {
      title: (sourceTextOf(task, source, 'title') ?? task.type).slice(0, isOwn ? beadsTitleLimit : undefined),
      description: sourceTextOf(task, source, 'description'),
      design: sourceTextOf(task, source, 'design'),
      acceptance_criteria: sourceTextOf(task, source, 'acceptanceCriteria'),
      notes: notesOf(task, source),
    }
    const type = isOwn && !issueTypes.includes(task.type) ? 'task' : task.type
    const record: JsonObject = {
      ...{ id: this.#idOf(task.id), ...texts, priority: known ? source['priority'] : number, issue_type: type },
      ...(isOwn ? { created_at: task.createdAt, created_by: this.#project.nameOf(task.createdBy) } : {}),
    }
    const word = this.#wordOf(task, { ...unknown, ...record }, source)
    const dependencies = this.#dependenciesOf(task)
    const comments = this.#commentsOf(task, source)
    const whole: JsonObject = {
      ...record,
      ...this.#stateFields(task, word, unknown),
      ...('priority' in source || isOwn ? { priority: record['priority'] } : {}),
      ...(isOwn || task.revision > 1 ? { updated_at: this.#now } : {}),
      ...(dependencies.length > 0 ? { dependencies } : {}),
      ...(comments.length > 0 ? { comments } : {}),
    }
    return withMetadata(whole, task, this.#carried(task, whole, isOwn), isOwn)
  }

  #carried(task: Task, record: JsonObject, isOwn: boolean): CarriedRecord {
    const read: PlanRecord = readBeadsRecord(record).record
    const epic = this.#project.epicAbove(task.id)
    const word = String(record['status'])
    const isCancelled = (id: string) => this.#project.outlines.get(id)?.status === 'cancelled'
    // beads has no edge to an issue that is called off, and none of a failure that has not come.
    const waits = task.waitsFor.filter(({ taskId, kind }) => kind === 'failure' || isCancelled(taskId))
    const after = task.dependsOn.filter(isCancelled).map((id) => this.#idOf(id))
    const assignedTo = this.#project.nameOf(task.assignedTo)
    const carried = carriedRecordOf(task, read, {
      word,
      epic: epic === undefined ? null : this.#idOf(epic),
      assignedTo,
    })
    // An import defers the child of a deferred issue with it, unless the record says otherwise.
    const above = this.#project.outlines.get(task.parentId ?? '')?.notBefore ?? null
    const notBefore = plannedNotBefore(task)
    const implied = above !== null && above > (read.notBefore ?? '') ? above : (read.notBefore ?? null)
    const isOther = above !== null && notBefore !== implied
    return {
      ...carried,
      ...(isOther ? { fields: { ...carried.fields, notBefore } } : {}),
      ...(waits.length > 0
        ? { waits: Object.fromEntries(waits.map(({ taskId, kind }) => [this.#idOf(taskId), kind])) }
        : {}),
      ...(after.length > 0 ? { after } : {}),
      ...(isOwn ? { own: true } : {}),
    }
  }
}

const keyOfEdge = (raw: unknown): string => JSON.stringify(raw)

const isSameTime = (text: unknown, at: string | null): boolean =>
  typeof text === 'string' && at !== null && Date.parse(text) === Date.parse(at)

/** Adds what the record carries to its `metadata`. A task of another source brings its own. */
function withMetadata(record: JsonObject, task: Task, carried: CarriedRecord, isOwn: boolean): JsonObject {
  if (Object.keys(carried).length === 0) return record
  return { ...record, metadata: { ...otherMetadataOf(task, record['metadata'], isOwn), tony: carried } }
}
