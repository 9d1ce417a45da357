import { sortTopologically } from './order.ts'
import { addWarning, type DropReason, type PlanEdge, PlanError, type PlanRecord, type Warnings } from './plan.ts'

/** The edges of one task of the plan. */
export interface Links {
  waitsFor: Set<string>
  parent: string | undefined
  other: PlanEdge['source'][]
}

/**
 * Resolves the edges among the `kept` tasks. An edge to an id outside the file stays, because that
 * may be a task of an earlier plan. An edge from or to a skipped record is dropped.
 *
 * Returns the links by id, in the order of `kept`, and the reason for each dropped edge.
 */
export function linksOf(
  records: ReadonlyMap<string, PlanRecord>,
  kept: readonly PlanRecord[],
  warnings: Warnings,
): { links: Map<string, Links>; dropped: DropReason[] } {
  const links = new Map<string, Links>()
  for (const { id } of kept) links.set(id, { waitsFor: new Set(), parent: undefined, other: [] })
  const dropped: DropReason[] = []
  for (const record of records.values()) {
    for (const edge of record.edges) {
      const dropReason = findDropReason(edge, records, links)
      if (dropReason) {
        dropped.push(dropReason.reason)
        if (dropReason.warning !== undefined) addWarning(warnings, dropReason.warning, record)
      } else addEdge(edge, record, records, links, warnings)
    }
  }
  return { links, dropped }
}

type LinksById = ReadonlyMap<string, Links>

/** Returns the reason for dropping an edge; undefined if it stays. */
function findDropReason(
  { kind, from, to }: PlanEdge,
  records: ReadonlyMap<string, PlanRecord>,
  links: LinksById,
): { reason: DropReason; warning?: string } | undefined {
  if (!records.has(from)) {
    return { reason: 'from_unknown_id', warning: 'an edge from an id the file does not hold: dropped' }
  }
  if (!links.has(from)) return { reason: 'from_skipped_record' }
  if (kind === 'other' || !records.has(to) || links.has(to)) return undefined
  return { reason: 'to_skipped_record', warning: `a ${edgeNames[kind]} that is skipped: the edge is dropped` }
}

function addEdge(
  edge: PlanEdge,
  record: PlanRecord,
  records: ReadonlyMap<string, PlanRecord>,
  links: LinksById,
  warnings: Warnings,
): void {
  const task = links.get(edge.from)
  if (!task) return
  if (edge.kind === 'other') {
    task.other.push(edge.source)
    return
  }
  if (!records.has(edge.to)) addWarning(warnings, `a ${edgeNames[edge.kind]} the file does not hold: kept`, record)
  attach(task, edge, () => addWarning(warnings, 'a second parent: kept in metadata.dependencies', record))
}

const edgeNames = { blocks: 'dependency', parent: 'parent' } as const

function attach(task: Links, edge: PlanEdge, onSecondParent: () => void): void {
  if (edge.kind === 'blocks') task.waitsFor.add(edge.to)
  else if (task.parent === undefined) task.parent = edge.to
  else if (task.parent !== edge.to) {
    task.other.push(edge.source)
    onSecondParent()
  }
}

/**
 * Sorts the tasks so that dependencies and parents come first.
 *
 * @throws PlanError with the ids of a cycle and the line of the first.
 */
export function sortTasks(
  file: string,
  links: ReadonlyMap<string, Links>,
  options: { records: ReadonlyMap<string, PlanRecord>; warnings: Warnings },
): PlanRecord[] {
  const { records, warnings } = options
  const result = sortTopologically(links)
  if ('cycle' in result) {
    const [first = ''] = result.cycle
    const arrow = result.of === 'parents' ? ' is part of ' : ' waits for '
    throw new PlanError(file, `a cycle of ${result.of}: ${[...result.cycle, first].join(arrow)}`, {
      line: records.get(first)?.line,
    })
  }
  for (const id of result.late) {
    const record = records.get(id)
    if (record) addWarning(warnings, 'a parent that waits for its own task: sorted after that task', record)
  }
  return result.ids.flatMap((id) => records.get(id) ?? [])
}

/** Returns the id of the nearest epic above a task. */
export function epicOf(
  id: string,
  links: ReadonlyMap<string, Links>,
  records: ReadonlyMap<string, PlanRecord>,
): string | undefined {
  let at = links.get(id)?.parent
  while (at !== undefined && records.get(at)?.kind !== 'epic') at = links.get(at)?.parent
  return at
}

/** Returns the number of tasks in the longest chain of dependencies. `tasks` must be sorted. */
export function levelsOf(tasks: readonly PlanRecord[], links: ReadonlyMap<string, Links>): number {
  const levels = new Map<string, number>()
  let deepest = 0
  for (const { id } of tasks) {
    let level = 1
    for (const before of links.get(id)?.waitsFor ?? []) level = Math.max(level, (levels.get(before) ?? 0) + 1)
    levels.set(id, level)
    deepest = Math.max(deepest, level)
  }
  return deepest
}
