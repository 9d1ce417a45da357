import type { PlannedTask, plannedTask } from '@tony/mcp-shared/plans'
import type { z } from 'zod'
import type { EdgeEffect, EffectFormat } from './effects.ts'

/** A row of `plans.add` in its wire form. */
export type PlannedRow = z.input<typeof plannedTask>

export interface Plan {
  format: EffectFormat | 'json'
  /** Name of the file without its extension, at most 200 characters. */
  name: string
  /**
   * The tasks, each after its dependencies and its parent, and otherwise in the order of the file.
   */
  tasks: PlannedRow[]
  /** True if no task is held, not even for an agent that the project does not have. */
  liftHolds: boolean
  report: PlanReport
}

/** Counts of the records in a file, and of the rows that resulted. */
export interface PlanReport {
  /** Number of records in the file, including skipped ones. */
  records: number
  /** Number of records of each kind, without tombstones. */
  kinds: Record<string, number>
  skipped: {
    tombstones: number
    /** Number of records that are not work, by kind. */
    notWork: Record<string, number>
    /** Dropped edges, and their number by `DropReason`. */
    edges: { total: number; reasons: Record<string, number> }
  }
  /**
   * Number of edges among the tasks of the plan. `blocks` are all dependencies; `other` edges are
   * kept in `metadata.dependencies`.
   */
  edges: { blocks: number; parentChild: number; other: number }
  /** Number of tasks in the longest chain of dependencies. */
  levels: number
  /** Number of tasks that require each capability. */
  requires: Record<string, number>
  /** Each warning once, with the number of its occurrences. */
  warnings: string[]
}

/** The reason for dropping an edge of a plan file. */
export type DropReason = 'from_unknown_id' | 'from_skipped_record' | 'to_skipped_record'

/** One record of a plan file, before its edges are resolved. */
export interface PlanRecord {
  id: string
  /** Line in the file; absent if the format has no lines. */
  line?: number
  kind: string
  status: PlannedTask['status']
  /** The reason why its source holds it back. */
  hold?: string
  notBefore?: string
  /** False for a record that is no work at its source. Absent means work. */
  isWork?: boolean
  /** True if it has ended and blocks nobody. */
  releases?: boolean
  /** The capabilities that an agent needs. */
  requires?: string[]
  /** Its epic, if the source groups tasks by something other than parents. */
  epic?: string
  priority: PlannedTask['priority']
  title: string | undefined
  description: string | undefined
  acceptanceCriteria?: string
  design?: string
  notes?: string
  metadata: Record<string, unknown>
  /**
   * The parts of the record in the file that no field of a task holds. An export needs them; they
   * become `metadata.importedFrom`.
   */
  origin?: ({ readonly format: string } & Record<string, unknown>) | undefined
  /** Fields of the row that the format has no words for. Null removes an implied one. */
  fields?: { readonly [name in keyof PlannedRow]?: unknown }
  edges: PlanEdge[]
}

export interface PlanEdge {
  kind: Exclude<EdgeEffect, 'none'> | 'other'
  from: string
  to: string
  /** True if an export has written it: it is an edge here, even if the other task has ended. */
  isExact?: boolean
  /** True if its task is held, because the file does not hold the other one. */
  isHeld?: boolean
  /** The edge as in the file. */
  source: Record<string, unknown>
}

/**
 * The error of a file that is no plan. `message` begins with the name of the file, and the line if
 * there is one.
 */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  declare readonly line?: number

  constructor(file: string, problem: string, options: { line?: number | undefined; cause?: unknown } = {}) {
    const { line, cause } = options
    super(`${file}${line === undefined ? '' : `:${line}`}: ${problem}`, cause === undefined ? undefined : { cause })
    if (line !== undefined) this.line = line
  }
}

/** The longest sentence about a record, in characters. An id in a file has any length. */
const sentenceLimit = 500

/** Cuts a long sentence. */
export const shorten = (sentence: string): string =>
  sentence.length <= sentenceLimit
    ? sentence
    : `${sentence.slice(0, sentenceLimit).toWellFormed()}… and ${sentence.length - sentenceLimit} more characters`

/** Warnings with the number of occurrences and the first record. */
export type Warnings = Map<string, { times: number; first: string }>

/** Adds an occurrence of a warning. */
export function addWarning(warnings: Warnings, whole: string, record: { id: string; line?: number }): void {
  const sentence = shorten(whole)
  const known = warnings.get(sentence)
  if (known) known.times += 1
  else warnings.set(sentence, { times: 1, first: record.line === undefined ? record.id : `line ${record.line}` })
}

/** Returns the first problem of an invalid record and its path. */
export function problemOf(error: z.ZodError): string {
  const [issue] = error.issues
  if (!issue) return 'does not fit'
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`
}
