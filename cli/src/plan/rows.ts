import { plannedTask } from '@tony/mcp-shared/plans'
import { epicOf, type Links, levelsOf, linksOf, sortTasks } from './links.ts'
import {
  addWarning,
  PlanError,
  type PlannedRow,
  type PlanRecord,
  type PlanReport,
  problemOf,
  type Warnings,
} from './plan.ts'

const nonWorkKinds: ReadonlySet<string> = new Set(['event', 'message', 'agent', 'role', 'rig'])
const titleLimit = 1_000
const descriptionLimit = 65_536

/**
 * Converts the records of one file to rows: selects records, resolves edges and sorts. With
 * `replay` all work starts as pending, and tombstones, records that are not work, and edges to
 * either are left out.
 *
 * @throws PlanError for a duplicate id, a cycle, or a row that does not fit the contract.
 */
export function rowsOf(
  file: string,
  read: readonly PlanRecord[],
  options: { replay: boolean; warnings: Warnings },
): { tasks: PlannedRow[]; report: PlanReport } {
  const { replay, warnings } = options
  const records = indexById(file, read)
  const imported = read.filter((record) => !replay || (isNotTombstone(record) && !nonWorkKinds.has(record.kind)))
  const { links, dropped } = linksOf(records, imported, warnings)
  const tasks = sortTasks(file, links, { records, warnings })
  const rows = tasks.map((record) => {
    const row = rowOf(record, links.get(record.id), warnings)
    const epic = epicOf(record.id, links, records)
    if (epic !== undefined) row.epic = epic
    if (replay) row.status = 'pending'
    return validateRow(file, row, record.line)
  })
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
    levels: levelsOf(tasks, links),
    warnings: [...warnings].map(([sentence, { times, first }]) =>
      times === 1 ? `${sentence} (${first})` : `${sentence} (${times} times, first ${first})`,
    ),
  }
  return { tasks: rows, report }
}

/** True unless the record is a tombstone: cancelled work, which a replay leaves out. */
const isNotTombstone = (record: PlanRecord): boolean => record.status !== 'cancelled'

function indexById(file: string, read: readonly PlanRecord[]): Map<string, PlanRecord> {
  const records = new Map<string, PlanRecord>()
  for (const record of read) {
    const earlier = records.get(record.id)
    if (earlier) {
      const lines = record.line === undefined ? '' : `: lines ${earlier.line} and ${record.line}`
      throw new PlanError(file, `the id ${JSON.stringify(record.id)} occurs twice${lines}`, { line: record.line })
    }
    records.set(record.id, record)
  }
  return records
}

function rowOf(record: PlanRecord, links: Links | undefined, warnings: Warnings): PlannedRow {
  const metadata = { ...record.metadata }
  const row: PlannedRow = {
    externalId: record.id,
    type: record.kind,
    priority: record.priority,
    status: record.status,
    dependsOn: [...(links?.waitsFor ?? [])],
    metadata,
  }
  if (links?.parent !== undefined) row.parentId = links.parent
  if (links && links.other.length > 0) metadata.dependencies = links.other
  for (const [field, limit] of [
    ['title', titleLimit],
    ['description', descriptionLimit],
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
function truncate(whole: string, limit: number): string {
  const start = whole.slice(0, limit)
  return start.isWellFormed() || !whole.isWellFormed() ? start : start.slice(0, -1)
}

function validateRow(file: string, row: PlannedRow, line: number | undefined): PlannedRow {
  const parsed = plannedTask.safeParse(row)
  if (parsed.success) return row
  throw new PlanError(file, `${JSON.stringify(row.externalId)}: ${problemOf(parsed.error)}`, { line })
}

function countEdges(links: readonly Links[]): PlanReport['edges'] {
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
