import type { Task } from '@tony/mcp-client'
import type { CarriedRecord } from '../plan/carried.ts'
import { readTaskmasterRecord, type TaskAbove } from '../plan/taskmaster.ts'
import { carriedRecordOf, otherMetadataOf } from './carry.ts'
import { type ExportedProject, originOf } from './project.ts'
import { outcomeRemarksOf, plannedNotBefore, stateOf } from './state.ts'
import {
  fileIdOf,
  layOutTasks,
  localIdOf,
  mainTag,
  type TaskmasterLayout,
  type TaskmasterPosition,
} from './taskmaster-ids.ts'

type JsonObject = Record<string, unknown>

const priorities = { critical: 'high', high: 'high', normal: 'medium', low: 'low' } as const

/** A number as such, because Task Master counts its tasks. */
const toTaskNumber = (id: string): string | number => (/^\d{1,15}$/.test(id) ? Number(id) : id)

/** The texts of the record. Task Master writes an absent text of a new task as an empty one. */
const recordTextsOf = (task: Task, absent: '' | undefined): JsonObject => ({
  title: task.title ?? (absent === undefined ? undefined : task.type),
  description: task.description ?? absent,
  details: task.design ?? absent,
  testStrategy: task.acceptanceCriteria ?? absent,
})

/** Writes the tasks of one project. */
export class TaskmasterWriter {
  readonly #project: ExportedProject
  readonly layout: TaskmasterLayout

  constructor(project: ExportedProject) {
    this.#project = project
    this.layout = layOutTasks(project.outlines)
  }

  #positionOf(id: string): TaskmasterPosition {
    return this.layout.positions.get(id) ?? { tag: mainTag, top: id }
  }

  /** Returns the tasks that a task waits for, in any way, as the format can name them or not. */
  #waitsOf(task: Task) {
    const place = this.#positionOf(task.id)
    const ids = [...task.dependsOn, ...task.waitsFor.map(({ taskId }) => taskId)]
    const places = ids.filter((id) => this.layout.positions.has(id)).map((id) => this.#positionOf(id))
    // A dependency of a subtask without a dot names a sibling, so a top task has no name there.
    const isNamed = (to: TaskmasterPosition) =>
      to.tag === place.tag && (place.sub === undefined || to.sub !== undefined)
    const named = places.filter(isNamed)
    return { named, unnamed: places.filter((to) => !isNamed(to)) }
  }

  /** Returns the `dependencies` of the record: those of the source if they are still the same. */
  #dependenciesOf(task: Task, named: readonly TaskmasterPosition[]): unknown {
    const { top, sub } = this.#positionOf(task.id)
    const { dependencies } = originOf(task)
    const nameOf = (id: unknown) => (sub === undefined || String(id).includes('.') ? String(id) : `${top}.${id}`)
    const current = named.map(localIdOf)
    if (Array.isArray(dependencies)) {
      const old = dependencies.filter((id) => current.includes(nameOf(id)) || !this.#isTaskHere(task, nameOf(id)))
      const names = new Set(old.map(nameOf))
      return [...old, ...current.filter((id) => !names.has(id)).map((id) => this.#shortIdOf(id, task))]
    }
    return current.length > 0 || originOf(task)['format'] !== 'taskmaster'
      ? current.map((id) => this.#shortIdOf(id, task))
      : undefined
  }

  #shortIdOf(id: string, task: Task): string | number {
    const { top, sub } = this.#positionOf(task.id)
    return toTaskNumber(sub !== undefined && id.startsWith(`${top}.`) ? id.slice(top.length + 1) : id)
  }

  readonly #localIds = new Map<string, ReadonlySet<string>>()

  #isTaskHere(task: Task, localId: string): boolean {
    const { tag } = this.#positionOf(task.id)
    let ids = this.#localIds.get(tag)
    if (!ids) {
      ids = new Set([...this.layout.positions.values()].filter((place) => place.tag === tag).map(localIdOf))
      this.#localIds.set(tag, ids)
    }
    return ids.has(localId)
  }

  /** The tasks that are written, by id. A task comes before its subtasks. */
  readonly #written = new Map<string, TaskAbove>()

  /** Returns the task of a subtask; undefined for a task. */
  #taskAbove(task: Task): TaskAbove | undefined {
    const { tag, top, sub } = this.#positionOf(task.id)
    if (sub === undefined) return undefined
    return this.#written.get(fileIdOf({ tag, top })) ?? { status: 'pending', missing: [] }
  }

  /** Returns the dependencies of a record that the file does not hold. */
  #missingIn({ dependencies }: JsonObject, task: Task): string[] {
    const { top, sub } = this.#positionOf(task.id)
    const names = (Array.isArray(dependencies) ? dependencies : []).map(String)
    const whole = names.map((name) => (sub === undefined || name.includes('.') ? name : `${top}.${name}`))
    return whole.filter((name) => !this.#isTaskHere(task, name))
  }

  /** Reads a record as an import of the file would do. */
  #read(record: JsonObject, task: Task) {
    return readTaskmasterRecord(record, { missing: this.#missingIn(record, task), above: this.#taskAbove(task) })
  }

  #wordOf(task: Task, record: JsonObject, isStuck: boolean): string {
    const { status, hold, isTaken } = stateOf(task)
    const word = originOf(task)['format'] === 'taskmaster' ? task.metadata['status'] : undefined
    const read = this.#read({ ...record, status: word }, task)
    if (typeof word === 'string' && !isTaken && !isStuck && read.status === status && read.hold === hold) return word
    if (task.status === 'in_review') return 'review'
    if (isTaken) return 'in-progress'
    if (status !== 'pending') return { completed: 'done', failed: 'deferred', cancelled: 'cancelled' }[status]
    return hold !== undefined || isStuck ? 'deferred' : 'pending'
  }

  /**
   * True if a task waits for something that a Task Master file cannot express, and the record needs
   * a status that keeps it from being offered. This is an unfinished dependency that the file
   * cannot name, or the failure of a task that was completed. A named dependency that failed or was
   * cancelled holds the task in Task Master without such a status.
   */
  #isStuck(task: Task, unnamed: readonly TaskmasterPosition[]): boolean {
    const { status, hold } = stateOf(task)
    if (status !== 'pending' || hold !== undefined) return false
    const statusOf = (id: string) => this.#project.outlines.get(id)?.status
    const names = new Set(unnamed.map(fileIdOf))
    const isOpen = (id: string) => names.has(fileIdOf(this.#positionOf(id))) && statusOf(id) !== 'completed'
    return (
      [...task.dependsOn, ...task.waitsFor.map(({ taskId }) => taskId)].some(isOpen) ||
      task.waitsFor.some(({ taskId, kind }) => kind === 'failure' && statusOf(taskId) === 'completed')
    )
  }

  /** Returns the record of a task. */
  recordOf(task: Task): JsonObject {
    const origin = originOf(task)
    const isOwn = origin['format'] !== 'taskmaster'
    const { importedFrom: _, dependencies: __, metadata: inner, ...ofSource } = task.metadata
    const unknown: JsonObject = isOwn ? {} : ofSource
    const place = this.#positionOf(task.id)
    const { named, unnamed } = this.#waitsOf(task)
    const isSame = readTaskmasterRecord({ id: '1', priority: unknown['priority'] }).priority === task.priority
    const record: JsonObject = {
      id: isOwn ? toTaskNumber(place.sub ?? place.top) : origin['id'],
      ...recordTextsOf(task, isOwn ? '' : undefined),
      ...unknown,
      priority: isSame && !isOwn ? unknown['priority'] : priorities[task.priority],
      dependencies: this.#dependenciesOf(task, named),
    }
    const isStuck = this.#isStuck(task, unnamed)
    const word = this.#wordOf(task, record, isStuck)
    const whole = { ...record, status: word }
    if (place.sub === undefined)
      this.#written.set(fileIdOf(place), { status: word, missing: this.#missingIn(whole, task) })
    const carried = this.#carried(task, whole, { unnamed, isOwn })
    const rest = otherMetadataOf(task, inner, isOwn)
    if (Object.keys(carried).length > 0) return { ...whole, metadata: { ...rest, tony: carried } }
    return Object.keys(rest).length > 0 ? { ...whole, metadata: rest } : whole
  }

  #carried(
    task: Task,
    record: JsonObject,
    { unnamed, isOwn }: { unnamed: readonly TaskmasterPosition[]; isOwn: boolean },
  ): CarriedRecord {
    const place = this.#positionOf(task.id)
    const read = this.#read(record, task)
    const kinds = task.waitsFor.filter(({ taskId }) => this.layout.positions.has(taskId))
    const waits = kinds.map(({ taskId, kind }) => [fileIdOf(this.#positionOf(taskId)), kind] as const)
    const parent = task.parentId === null ? undefined : fileIdOf(this.#positionOf(task.parentId))
    const implied = place.sub === undefined ? undefined : fileIdOf({ tag: place.tag, top: place.top })
    const notBefore = plannedNotBefore(task)
    const assignedTo = this.#project.nameOf(task.assignedTo)
    const carried = carriedRecordOf(task, read, { word: String(record['status']), epic: place.tag, assignedTo })
    const fields = {
      ...carried.fields,
      ...(task.notes === null ? {} : { notes: task.notes }),
      ...(notBefore === null ? {} : { notBefore }),
    }
    const remarks = outcomeRemarksOf(task, (agent) => this.#project.nameOf(agent)).map(({ text }) => text)
    return {
      ...carried,
      ...(Object.keys(fields).length > 0 ? { fields } : {}),
      ...(waits.length > 0 ? { waits: Object.fromEntries(waits) } : {}),
      ...(unnamed.length > 0 ? { after: unnamed.map(fileIdOf) } : {}),
      ...(parent !== undefined && parent !== implied ? { parent } : {}),
      ...(remarks.length > 0 ? { remarks } : {}),
      ...(isOwn ? { own: true } : {}),
    }
  }
}
