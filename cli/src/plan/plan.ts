import type { PlannedTask, plannedTask } from '@tony/mcp-shared/plans'
import type { z } from 'zod'

/** A row of `plans.add`, as it goes on the wire. */
export type PlannedRow = z.input<typeof plannedTask>

export interface Plan {
  format: 'beads' | 'athms'
  /** The file's name without its extension: at most 200 characters. */
  name: string
  /** Dependencies and parents come before the tasks that name them; otherwise in the order of the file. */
  tasks: PlannedRow[]
  report: PlanReport
}

/** What was read, and what became of it. */
export interface PlanReport {
  /** All records of the file, skipped ones too. */
  records: number
  /** How many records of each kind, tombstones not counted. */
  kinds: Record<string, number>
  skipped: {
    tombstones: number
    /** Records that are not work, by kind. */
    notWork: Record<string, number>
    edges: { total: number; reasons: Record<string, number> }
  }
  /** Edges among the tasks of the plan. `other` ones are kept in `metadata.dependencies`. */
  edges: { blocks: number; parentChild: number; other: number }
  /** How many tasks the longest chain of dependencies holds. */
  levels: number
  /** Each sentence once, with how often it applied. */
  warnings: string[]
}

/** One record of a plan file, before its edges are resolved. */
export interface PlanRecord {
  id: string
  /** Absent where the format has no lines. */
  line?: number
  kind: string
  status: PlannedTask['status']
  priority: PlannedTask['priority']
  title: string | undefined
  description: string | undefined
  metadata: Record<string, unknown>
  edges: PlanEdge[]
}

export interface PlanEdge {
  kind: 'blocks' | 'parent' | 'other'
  from: string
  to: string
  /** The edge as the file has it. */
  source: Record<string, unknown>
}

/** A file that is no plan. `message` begins with the file's name, and the line where there is one. */
export class PlanError extends Error {
  override readonly name = 'PlanError'
  declare readonly line?: number

  constructor(file: string, problem: string, options: { line?: number | undefined; cause?: unknown } = {}) {
    const { line, cause } = options
    super(`${file}${line === undefined ? '' : `:${line}`}: ${problem}`, cause === undefined ? undefined : { cause })
    if (line !== undefined) this.line = line
  }
}

/** Sentences and where each applied. */
export type Warnings = Map<string, { times: number; first: string }>

/** Notes that `sentence` applies at `record`. */
export function addWarning(warnings: Warnings, sentence: string, record: { id: string; line?: number }): void {
  const known = warnings.get(sentence)
  if (known) known.times += 1
  else warnings.set(sentence, { times: 1, first: record.line === undefined ? record.id : `line ${record.line}` })
}

/** The first problem of a record that does not fit its schema: where in the record, and what. */
export function problemOf(error: z.ZodError): string {
  const [issue] = error.issues
  if (!issue) return 'does not fit'
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`
}
