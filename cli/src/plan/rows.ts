import { plannedTask } from '@tony/mcp-shared/plans'
import { applyFields } from './carried.ts'
import { epicOf, levelCountOf, resolveLinks, sortTasks, type TaskLinks } from './links.ts'
import { addWarning, type PlannedRow, type PlanRecord, type PlanReport, problemOf, type Warnings } from './plan.ts'
import type { Problems } from './problems.ts'
import { sizeOfRow } from './row-size.ts'

export const titleLimit = 1_000
export const textLimit = 65_536
const holdLimit = 4_096

/** The way to read the records of a file. */
export interface RowParams {
  readonly replay: boolean
  /** No row has a hold. */
  readonly liftHolds: boolean
  readonly strict: boolean
  readonly warnings: Warnings
  readonly problems: Problems
}

/**
 * Returns the records to import. A record that is not work is left out, unless a task waits for it:
 * then it is a held task. A replay leaves out tombstones and all records that are not work.
 */
function selectRecords(read: readonly PlanRecord[], replay: boolean): PlanRecord[] {
  const isWork = ({ isWork: work = true }: PlanRecord) => work
  if (replay) return read.filter((record) => isNotTombstone(record) && isWork(record))
  const byId = new Map(read.map((record) => [record.id, record]))
  const byTask = Map.groupBy(
    read.flatMap(({ edges }) => edges),
    ({ from }) => from,
  )
  const kept = new Set(read.filter(isWork).map(({ id }) => id))
  for (const id of kept)
    for (const { kind, to } of byTask.get(id) ?? [])
      if (kind !== 'other' && byId.get(to)?.status === 'pending') kept.add(to)
  return read.filter(({ id }) => kept.has(id))
}

/**
 * Converts the records of one file to rows: selects records, resolves edges and sorts. With
 * `replay` all work starts as pending and without holds.
 *
 * @throws PlanError for duplicate ids, cycles, and rows that do not fit the contract.
 */
export function buildPlannedTasks(
  read: readonly PlanRecord[],
  options: RowParams,
): { tasks: PlannedRow[]; report: PlanReport } {
  const { replay, liftHolds, warnings, problems } = options
  const records = indexById(read, problems)
  const unique = [...records.values()]
  const linkOptions = { ...options, records }
  const { links, dropped } = resolveLinks(selectRecords(unique, replay), linkOptions)
  const tasks = sortTasks(links, linkOptions)
  const rows = tasks.flatMap((record) => {
    const row = toPlannedRow(record, links.get(record.id), { warnings, replay, liftHolds })
    const epic = record.epic ?? epicOf(record.id, links, records)
    if (epic !== undefined) row.epic = epic
    return validateRow(record.fields ? applyFields(row, record.fields) : row, record.line, problems)
  })
  problems.throwIfAny()
  const skipped = read.filter((record) => !links.has(record.id))
  const report: PlanReport = {
    records: read.length,
    kinds: tally(read.filter(isNotTombstone).map((record) => record.kind)),
    skipped: {
      tombstones: skipped.filter((record) => !isNotTombstone(record)).length,
      notWork: tally(skipped.filter(isNotTombstone).map((record) => record.kind)),
      edges: { total: dropped.length, reasons: tally(dropped) },
    },
    edges: countEdges([...links.values()]),
    levels: levelCountOf(tasks, links),
    requires: tally(rows.flatMap(({ requires = [] }) => requires)),
    warnings: [...warnings].map(([sentence, { times, first }]) =>
      times === 1 ? `${sentence} (${first})` : `${sentence} (${times} times, first ${first})`,
    ),
  }
  return { tasks: rows, report }
}

/** True unless the record is a tombstone: cancelled work, which a replay leaves out. */
const isNotTombstone = (record: PlanRecord): boolean => record.status !== 'cancelled'

function indexById(read: readonly PlanRecord[], problems: Problems): Map<string, PlanRecord> {
  const records = new Map<string, PlanRecord>()
  for (const record of read) {
    const earlier = records.get(record.id)
    if (earlier) {
      const lines = record.line === undefined ? '' : `: lines ${earlier.line} and ${record.line}`
      problems.add({ problem: `the id ${JSON.stringify(record.id)} occurs twice${lines}`, line: record.line })
    } else records.set(record.id, record)
  }
  return records
}

function toPlannedRow(
  record: PlanRecord,
  links: TaskLinks | undefined,
  { warnings, replay, liftHolds }: Pick<RowParams, 'warnings' | 'replay' | 'liftHolds'>,
): PlannedRow {
  const origin = record.origin === undefined ? {} : { importedFrom: record.origin }
  const metadata: Record<string, unknown> = { ...record.metadata, ...origin }
  const row: PlannedRow = {
    externalId: record.id,
    type: record.kind,
    priority: record.priority,
    status: replay ? 'pending' : record.status,
    dependsOn: [...(links?.waitsFor ?? [])].filter((id) => !links?.kinds.has(id)),
    metadata,
  }
  const waits = [...(links?.kinds ?? [])].map(([taskId, kind]) => ({ taskId, kind }))
  if (waits.length > 0) row.waitsFor = waits
  const hold = record.hold ?? links?.hold
  if (hold !== undefined && row.status === 'pending' && !liftHolds) row.hold = hold.slice(0, holdLimit)
  if (record.notBefore !== undefined && row.status === 'pending' && !replay) row.notBefore = record.notBefore
  if (record.requires && record.requires.length > 0) row.requires = record.requires
  if (links?.parent !== undefined) row.parentId = links.parent
  if (links && links.other.length > 0) metadata.dependencies = links.other
  for (const [field, limit] of [
    ['title', titleLimit],
    ['description', textLimit],
    ['acceptanceCriteria', textLimit],
    ['design', textLimit],
    ['notes', textLimit],
  ] as const) {
    const whole = record[field]
    if (whole === undefined) continue
    row[field] = truncate(whole, limit)
    if (whole.length <= limit) continue
    metadata[field] = whole
    addWarning(warnings, `a ${field} over ${limit} characters: cut, and kept whole in metadata.${field}`, record)
  }
  return row
}

/** Returns the first `limit` UTF-16 code units, or one less if that would split a character. */
export function truncate(whole: string, limit: number): string {
  const start = whole.slice(0, limit)
  return start.isWellFormed() || !whole.isWellFormed() ? start : start.slice(0, -1)
}

/** Returns the row, or none if it does not fit the contract. */
function validateRow(row: PlannedRow, line: number | undefined, problems: Problems): PlannedRow[] {
  const parsed = plannedTask.safeParse(row)
  const problem = parsed.success ? problemOfSize(row) : problemOf(parsed.error)
  if (problem === undefined) return [row]
  problems.add({ problem: `${JSON.stringify(row.externalId)}: ${problem}`, line })
  return []
}

/** Returns the reason why the server refuses a row that fits its schema. */
function problemOfSize(row: PlannedRow): string | undefined {
  const { problem, bytes } = sizeOfRow(row)
  return problem ?? (bytes > rowBytesLimit ? `more than ${rowBytesLimit} bytes` : undefined)
}

/** The frame of a call with one row must fit into the default limit of a server, 1 MiB. */
const rowBytesLimit = 1_000_000

function countEdges(links: readonly TaskLinks[]): PlanReport['edges'] {
  const edges = { blocks: 0, parentChild: 0, other: 0 }
  for (const { waitsFor, parent, other } of links) {
    edges.blocks += waitsFor.size
    edges.parentChild += parent === undefined ? 0 : 1
    edges.other += other.length
  }
  return edges
}

function tally(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return Object.fromEntries(counts)
}
