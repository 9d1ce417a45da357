import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { applyCarriedRecord, exportAuthor } from './carried.ts'
import { duplicateKeys } from './duplicate-keys.ts'
import { type EdgeEffect, stateEffectOf, toSnakeCase, trackerEffects } from './effects.ts'
import { type Line, readLines, tryParseJson } from './lines.ts'
import { addWarning, type PlanEdge, PlanError, type PlanRecord, problemOf, type Warnings } from './plan.ts'
import { Problems } from './problems.ts'

const beadsId = z
  .string('a record needs an id')
  .min(1, 'a record needs an id')
  .max(200, 'an id has at most 200 characters')

const dependencyId = z.string().max(200, 'an id has at most 200 characters')

/** An edge of `bd export`, or one of `bd show --json` with `id` and `dependency_type`. */
const dependency = z
  .looseObject({
    issue_id: z.string().nullish(),
    depends_on_id: dependencyId.optional(),
    id: dependencyId.optional(),
    type: z.string().nullish(),
    dependency_type: z.string().nullish(),
    metadata: z.unknown().optional(),
  })
  .refine(({ depends_on_id, id }) => depends_on_id !== undefined || id !== undefined, {
    path: ['depends_on_id'],
    message: 'a dependency names a task',
  })
type Dependency = z.output<typeof dependency>

const issue = z.looseObject(
  {
    id: beadsId,
    title: z.string().nullish(),
    description: z.string().nullish(),
    acceptance_criteria: z.string().nullish(),
    design: z.string().nullish(),
    notes: z.string().nullish(),
    comments: z
      .array(z.looseObject({ author: z.string().nullish(), text: z.string().nullish() }))
      .nullish()
      .catch(null),
    labels: z.array(z.string()).nullish().catch(null),
    issue_type: z.string().nullish(),
    status: z.unknown().optional(),
    priority: z.unknown().optional(),
    dependencies: z.array(dependency).nullish(),
  },
  'a record is a JSON object',
)
type Issue = z.output<typeof issue>

const priorities = new Map<unknown, PlanRecord['priority']>([
  [0, 'critical'],
  [1, 'high'],
  [2, 'normal'],
  [3, 'low'],
  [4, 'low'],
])

/** The places for warnings and problems of a file. */
export interface Diagnostics {
  readonly warnings: Warnings
  readonly problems: Problems
}

/**
 * Reads beads issues: JSON lines, or one JSON array as `bd list --json` prints it. The record's
 * `metadata` has all other fields unchanged. It also has `status` and `priority`, which have more
 * values there than in the contract. Records that are no issues, such as headers and memories, are
 * counted and skipped.
 *
 * @throws PlanError if no record has an `issue_type`.
 */
export async function beadsRecords(file: string, lines: AsyncIterable<Line>, out: Diagnostics): Promise<PlanRecord[]> {
  const records: PlanRecord[] = []
  let typed = false
  for await (const line of lines) {
    const value = line.text.trim() === '' ? undefined : parseIssueLine(line, out.problems)
    if (value === undefined || warnIfNoIssue(value, line.number, out.warnings)) continue
    const parsed = issue.safeParse(value)
    if (!parsed.success) out.problems.add({ problem: problemOf(parsed.error), line: line.number })
    else {
      typed ||= typeof parsed.data.issue_type === 'string'
      records.push(applyCarriedRecord(toPlanRecord(parsed.data, line.number, out), parsed.data.status))
    }
  }
  out.problems.throwIfAny()
  if (records.length > 0 && !typed)
    throw new PlanError(file, 'no record has an issue_type, so this is not a beads file')
  deferChildren(records)
  return records
}

/**
 * Adds the edges of a `dependencies.jsonl` beside the file. Some versions of beads keep all edges
 * there.
 */
export async function addSeparateEdges(file: string, records: readonly PlanRecord[], out: Diagnostics): Promise<void> {
  const beside = join(dirname(file), 'dependencies.jsonl')
  if (file === '-' || basename(file) === 'dependencies.jsonl' || !existsSync(beside)) return
  const byId = new Map(records.map((record) => [record.id, record]))
  for await (const line of readLines(beside)) {
    if (line.text.trim() === '') continue
    const value = parseIssueLine(line, out.problems, beside)
    if (value !== undefined) addSeparateEdge({ value, line: line.number, file: beside }, byId, out.warnings)
  }
}

function addSeparateEdge(
  { value, line, file }: { readonly value: unknown; readonly line: number; readonly file: string },
  byId: ReadonlyMap<string, PlanRecord>,
  warnings: Warnings,
): void {
  const parsed = dependency.safeParse(value)
  const record = parsed.success ? byId.get(parsed.data.issue_id ?? '') : undefined
  if (!parsed.success || !record) return addWarning(warnings, `${file}: an edge of no issue: skipped`, { id: '', line })
  for (const { effect, from, to, source } of toBeadsEdges(parsed.data, record.id, record, warnings))
    record.edges.push({ kind: effect === undefined || effect === 'none' ? 'other' : effect, from, to, source })
}

/** True for a header or a record of another type, such as a memory. */
function warnIfNoIssue(value: unknown, line: number, warnings: Warnings): boolean {
  if (typeof value !== 'object' || value === null || 'id' in value) return false
  const type = '_type' in value ? value._type : undefined
  if (!('_schema' in value) && (typeof type !== 'string' || type === 'issue')) return false
  addWarning(warnings, `a record that is no issue (${typeof type === 'string' ? type : 'header'}): skipped`, {
    id: '',
    line,
  })
  return true
}

function parseIssueLine(line: Line, problems: Problems, file?: string): unknown {
  const inFile = file === undefined ? {} : { file }
  try {
    const value: unknown = JSON.parse(line.text)
    for (const { key } of duplicateKeys(line.text)) {
      problems.add({
        problem: `the key ${JSON.stringify(key)} occurs twice in one object`,
        line: line.number,
        ...inFile,
      })
      return undefined
    }
    return value
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    problems.add({ problem: `is not JSON: ${reason}`, line: line.number, cause, ...inFile })
  }
  return undefined
}

function toPlanRecord(source: Issue, line: number, reading: Diagnostics): PlanRecord {
  const { id, title, description, acceptance_criteria, design, notes, issue_type, dependencies, ...metadata } = source
  const position = { id, line }
  if (!issue_type) addWarning(reading.warnings, 'a record without issue_type: read as task', position)
  const kind = issue_type || 'task'
  const state = readState(source, kind, position, reading)
  const edges = (dependencies ?? []).flatMap((each) => toBeadsEdges(each, id, position, reading.warnings))
  const unknown = edges.find(({ effect }) => effect === undefined)
  const hold = state.hold ?? (unknown ? `its source has an edge of the unknown type ${unknown.type}` : undefined)
  return {
    ...{ id, line, kind, status: state.status, isWork: state.isWork },
    ...(hold === undefined || state.status !== 'pending' ? {} : { hold }),
    ...(state.status === 'cancelled' ? { releases: true } : {}),
    ...notBeforeOf(source),
    priority: readPriority(source.priority, position, reading.warnings),
    title: title ?? undefined,
    description: description ?? undefined,
    ...textsOf(source),
    metadata: { ...metadata, ...(notes && hasRemarks(source) ? { notes } : {}) },
    origin: { format: 'beads', ...(dependencies && dependencies.length > 0 ? { edges: dependencies } : {}) },
    edges: edges.map(({ effect, from, to, source: edge }) => ({
      kind: effect === undefined || effect === 'none' ? 'other' : effect,
      from,
      to,
      source: edge,
    })),
  }
}

/** Defers the children of a deferred issue as long as the issue itself. */
function deferChildren(records: readonly PlanRecord[]): void {
  const dates = new Map(records.flatMap(({ id, notBefore }) => (notBefore === undefined ? [] : [[id, notBefore]])))
  for (const record of records)
    for (const { kind, to } of dates.size > 0 ? record.edges : []) {
      const date = kind === 'parent' ? dates.get(to) : undefined
      if (date !== undefined && date > (record.notBefore ?? '')) record.notBefore = date
    }
}

/** Reads one record without its problems: the export compares it with the task. */
export function readBeadsRecord(value: Record<string, unknown>): { source: Issue; record: PlanRecord } {
  const source = issue.parse(value)
  const warnings: Warnings = new Map()
  return { source, record: toPlanRecord(source, 0, { warnings, problems: new Problems('', { warnings }) }) }
}

/** Reads one edge of the record of an issue. An edge to no id is none. */
export const readBeadsEdge = (value: Record<string, unknown>, id: string): BeadsEdge[] =>
  toBeadsEdges(dependency.parse(value), id, { id }, new Map())

const hasRemarks = ({ comments, labels }: Remarks): boolean => (comments?.length ?? 0) + (labels?.length ?? 0) > 0

type Remarks = Pick<Issue, 'comments' | 'labels'>

/** Returns the comments and labels as the end of the notes. Comments of an export are left out. */
export function remarksOf({ comments, labels }: Remarks): string[] {
  const remarks = (comments ?? []).flatMap(({ author, text }) =>
    text && author !== exportAuthor ? [`${author ?? 'someone'}: ${text}`] : [],
  )
  return [
    ...(remarks.length > 0 ? [`Comments:\n${remarks.join('\n')}`] : []),
    ...(labels && labels.length > 0 ? [`Labels: ${labels.join(', ')}`] : []),
  ]
}

/** The texts for the worker. Comments and labels come after the notes. */
function textsOf(source: Issue) {
  const { acceptance_criteria: acceptanceCriteria, design, notes } = source
  const parts = [...(notes ? [notes] : []), ...remarksOf(source)]
  return {
    ...(acceptanceCriteria ? { acceptanceCriteria } : {}),
    ...(design ? { design } : {}),
    ...(parts.length > 0 ? { notes: parts.join('\n\n') } : {}),
  }
}

const deferredUntil = ({ defer_until: until }: Issue): number =>
  typeof until === 'string' ? Date.parse(until) : Number.NaN

function notBeforeOf(source: Issue): { notBefore?: string } {
  const until = deferredUntil(source)
  return Number.isNaN(until) ? {} : { notBefore: new Date(until).toISOString() }
}

/** Returns the effect of the state, the kind and the flags of an issue. */
function readState(source: Issue, kind: string, position: { id: string; line: number }, { warnings }: Diagnostics) {
  const { status, hold, known } = stateEffectOf('beads', source.status)
  if (!known) addWarning(warnings, `unknown state ${JSON.stringify(source.status)}: held until tasks.unhold`, position)
  const { beads } = trackerEffects
  const flags = Object.entries(beads.flags).filter(([flag]) => source[flag] === true || source[flag] === 1)
  const isWork = beads.kinds[kind] !== 'not_work' && !flags.some(([, effect]) => effect === 'not_work')
  const pinned = flags.find(([, effect]) => effect === 'held')?.[0]
  const hasDate = toSnakeCase(String(source.status)) === 'deferred' && !Number.isNaN(deferredUntil(source))
  const assignee = typeof source['assignee'] === 'string' && source['assignee'] !== '' ? source['assignee'] : undefined
  const by = assignee !== undefined && hold !== undefined ? `${hold}: ${assignee} has it` : hold
  const reason = hasDate ? undefined : (by ?? (pinned === undefined ? undefined : `it is ${pinned} at its source`))
  return { status, isWork, hold: isWork ? reason : `it is no work at its source, but ${kind}` }
}

interface BeadsEdge {
  /** Undefined for a type that the table lacks. */
  readonly effect: EdgeEffect | undefined
  readonly type: string
  readonly from: string
  readonly to: string
  readonly source: PlanEdge['source']
}

function toBeadsEdges(
  source: Dependency,
  id: string,
  position: { id: string; line?: number },
  warnings: Warnings,
): BeadsEdge[] {
  const type = source.type ?? source.dependency_type ?? 'blocks'
  const effect = Object.hasOwn(trackerEffects.beads.edges, toSnakeCase(type))
    ? trackerEffects.beads.edges[toSnakeCase(type)]
    : undefined
  const to = (effect === 'children' ? spawnerOf(source.metadata) : undefined) ?? source.depends_on_id ?? source.id ?? ''
  if (to === '') {
    addWarning(warnings, 'an edge to no id: skipped', position)
    return []
  }
  if (effect === undefined)
    addWarning(warnings, `unknown edge type ${JSON.stringify(type)}: the task is held`, position)
  return [{ effect, type, from: source.issue_id || id, to, source }]
}

/** The task whose children a `waits-for` edge names, if its metadata names another one. */
function spawnerOf(metadata: unknown): string | undefined {
  const value = typeof metadata === 'string' ? tryParseJson(metadata) : metadata
  if (typeof value !== 'object' || value === null || !('spawner_id' in value)) return undefined
  return typeof value.spawner_id === 'string' && value.spawner_id !== '' ? value.spawner_id : undefined
}

function readPriority(
  value: unknown,
  position: { id: string; line: number },
  warnings: Warnings,
): PlanRecord['priority'] {
  const known = priorities.get(value ?? 2)
  if (known === undefined) addWarning(warnings, `unknown priority ${JSON.stringify(value)}: read as normal`, position)
  return known ?? 'normal'
}
