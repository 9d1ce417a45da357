import { type PlannedTask, plannedStatuses } from '@tony/mcp-shared/plans'
import { namedDependencyKinds } from '@tony/mcp-shared/task-waits'
import { z } from 'zod'
import { isRecord } from '../is-record.ts'
import type { PlanEdge, PlannedRow, PlanRecord } from './plan.ts'

/** The author of the comments that an export writes. They are not part of the notes of a task. */
export const exportAuthor = 'tony-mcp'

const taskId = z.string().min(1).max(200)

/**
 * The properties of an exported task that its format cannot hold. An export writes them into the
 * record as `metadata.tony`, and an import of that file applies them.
 */
const carried = z.object({
  /** The word of the state in the record. Another word there wins over `status` and `hold`. */
  word: z.string().optional(),
  status: z.enum(plannedStatuses).optional(),
  hold: z.string().nullish(),
  /** Fields of the row; null removes the one that the record implies. */
  fields: z.record(z.string(), z.unknown()).optional(),
  /** Kinds of dependencies, by the id of the other task. */
  waits: z.record(taskId, z.enum(namedDependencyKinds)).optional(),
  /** Ordinary dependencies, by the id of the other task. */
  after: z.array(taskId).optional(),
  parent: taskId.optional(),
  /** Results, errors and reviews, for people. */
  remarks: z.array(z.string()).optional(),
  /** True if the rest of `metadata` is that of the task, and the record adds nothing to it. */
  own: z.boolean().optional(),
})
export type CarriedRecord = z.output<typeof carried>

/** A row with the properties that a record carries. */
export type CarriedFields = { readonly [name in keyof PlannedRow]?: unknown }

/** Returns the metadata of a record without `metadata.tony`, and what was there. */
function splitMetadata(record: PlanRecord): { metadata: Record<string, unknown>; carried: CarriedRecord } | undefined {
  const { metadata: inner, ...outer } = record.metadata
  if (!isRecord(inner)) return undefined
  const { tony, ...rest } = inner
  const parsed = carried.safeParse(tony)
  if (!parsed.success) return undefined
  if (parsed.data.own) return { metadata: rest, carried: parsed.data }
  const metadata = Object.keys(rest).length > 0 ? { ...outer, metadata: rest } : outer
  return { metadata, carried: parsed.data }
}

/** Returns the edges with the kinds and the parent that the record carries. */
function carriedEdgesOf({ id, edges }: PlanRecord, { waits = {}, after = [], parent }: CarriedRecord): PlanEdge[] {
  const kindOf = new Map(Object.entries(waits))
  const added = after.map((to) => ({
    kind: 'blocks' as const,
    from: id,
    to,
    isExact: true,
    source: { depends_on_id: to },
  }))
  return [...edges, ...added].map((edge) => {
    const kind = edge.kind === 'parent' ? undefined : kindOf.get(edge.to)
    if (kind !== undefined) return { ...edge, kind, isExact: true }
    return edge.kind === 'parent' && parent !== undefined ? { ...edge, to: parent } : edge
  })
}

/**
 * Restores the properties that an export has stored in the record (`metadata.tony`). `word` is the
 * present state in the record. If the state differs from the exported one, another program has
 * changed it: then the record decides on status and hold, and the stored values of both are
 * ignored.
 */
export function applyCarriedRecord(record: PlanRecord, word: unknown): PlanRecord {
  const split = splitMetadata(record)
  if (!split) return record
  const { metadata, carried: its } = split
  const { hold, ...others } = record
  const own = its.own ? {} : { origin: record.origin }
  const result: PlanRecord = {
    ...others,
    ...own,
    metadata,
    edges: carriedEdgesOf(record, its),
    fields: its.fields ?? {},
  }
  if (its.own) delete result.origin
  if (its.word !== word) return hold === undefined ? result : { ...result, hold }
  const status: PlannedTask['status'] = its.status ?? record.status
  const reason = its.hold === undefined ? hold : (its.hold ?? undefined)
  if (its.status !== undefined) delete result.releases
  return { ...result, status, ...(reason === undefined || status !== 'pending' ? {} : { hold: reason }) }
}

/** Sets the fields that a record carries; null removes one. */
export function applyFields(row: PlannedRow, fields: CarriedFields): PlannedRow {
  const changed = Object.entries({ ...row, ...fields }).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(changed) as PlannedRow
}
