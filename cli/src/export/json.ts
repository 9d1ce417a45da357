import type { Task } from '@tony/mcp-client'
import type { ExportedProject } from './project.ts'
import { plannedNotBefore, stateOf } from './state.ts'

/**
 * Writes the rows of one project: the fields of a plan, and `outcome` with the rest of the task.
 */
export class JsonWriter {
  readonly #project: ExportedProject

  constructor(project: ExportedProject) {
    this.#project = project
  }

  /** Returns the id of a task in the file: that of its plan, else its own. */
  idOf(id: string): string {
    return this.#project.outlines.get(id)?.externalId ?? id
  }

  rowOf(task: Task): Record<string, unknown> {
    const { status, hold, isTaken } = stateOf(task)
    const holder = this.#project.nameOf(task.claimedBy)
    const taken = `it is in progress at its source${holder === undefined ? '' : `: ${holder} has it`}`
    const { id, externalId: _, type, epic, story, title, description, acceptanceCriteria, design, notes } = task
    const { onDependencyFailure, onChildrenEnd, requires, locks, priority, acceptance, maxAttempts, metadata } = task
    const { scheduleToStartMs, startToCloseMs, scheduleToCloseMs } = task
    const { outcome, ...kept } = metadata
    const row = {
      ...{ externalId: this.idOf(id), type, epic, story, title, description, acceptanceCriteria, design, notes },
      parentId: task.parentId === null ? null : this.idOf(task.parentId),
      dependsOn: task.dependsOn.map((to) => this.idOf(to)),
      waitsFor: task.waitsFor.map(({ taskId, kind }) => ({ taskId: this.idOf(taskId), kind })),
      status,
      hold: isTaken ? taken : hold,
      notBefore: plannedNotBefore(task),
      assignedTo: this.#project.nameOf(task.assignedTo),
      ...{ onDependencyFailure, onChildrenEnd, requires, locks, priority, acceptance, maxAttempts },
      ...{ scheduleToStartMs, startToCloseMs, scheduleToCloseMs, metadata: kept },
    }
    const earlier = typeof outcome === 'object' ? outcome : {}
    return { ...withoutNulls(row), outcome: { ...earlier, ...this.#outcomeOf(task) } }
  }

  /** What became of the task: the fields that no plan has. */
  #outcomeOf(task: Task): Record<string, unknown> {
    const { id, status, attempt, failures, progress, result, artifacts, error, inputRequest, input, review } = task
    const { orphanResults, revision, createdAt, completedAt } = task
    return withoutNulls({
      ...{ id, status, attempt, failures, progress, result, error, inputRequest, input, review },
      ...{ revision, createdAt, completedAt },
      artifacts: artifacts.length > 0 ? artifacts : null,
      orphanResults: orphanResults.length > 0 ? orphanResults : null,
      claimedBy: this.#project.nameOf(task.claimedBy),
      createdBy: this.#project.nameOf(task.createdBy),
    })
  }
}

const withoutNulls = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined))
