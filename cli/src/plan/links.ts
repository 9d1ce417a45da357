import { newProgress, sortTopologically } from './order.ts'
import { addWarning, type DropReason, type PlanEdge, type PlanRecord, type Warnings } from './plan.ts'
import type { Problems } from './problems.ts'

/** The edges of one task of the plan. */
export interface TaskLinks {
  /** The tasks that it waits for, in any way. */
  waitsFor: Set<string>
  /** The kinds of those dependencies that are not ordinary ones. */
  kinds: Map<string, 'children' | 'failure'>
  parent: string | undefined
  other: PlanEdge['source'][]
  /** The reason why an edge holds the task for good. */
  hold: string | undefined
}

/** The records of a file and the way to read their edges. */
export interface LinkParams {
  readonly records: ReadonlyMap<string, PlanRecord>
  readonly warnings: Warnings
  readonly problems: Problems
  /** True if all work starts anew, so that nothing has ended at its source. */
  readonly replay: boolean
  /** True if an edge to an id that the file does not hold is a problem. */
  readonly strict: boolean
}

/**
 * Resolves the edges of the `kept` records to dependencies and parents. An edge from or to a
 * skipped record is dropped. An edge to an id outside the file is kept in the metadata only, and
 * blocks nothing; the reader of the format may hold its task. With `strict` such an edge is a
 * problem.
 *
 * Returns the links by id, in the order of `kept`, and the reason for each dropped edge.
 */
export function resolveLinks(
  kept: readonly PlanRecord[],
  options: LinkParams,
): { links: Map<string, TaskLinks>; dropped: DropReason[] } {
  const { records, warnings } = options
  const links = new Map<string, TaskLinks>()
  for (const { id } of kept)
    links.set(id, { waitsFor: new Set(), kinds: new Map(), parent: undefined, other: [], hold: undefined })
  const dropped: DropReason[] = []
  for (const record of records.values()) {
    for (const edge of record.edges) {
      const dropReason = findDropReason(edge, records, links)
      if (dropReason) {
        dropped.push(dropReason.reason)
        if (dropReason.warning !== undefined) addWarning(warnings, dropReason.warning, record)
      } else addEdge(edge, record, links, options)
    }
  }
  return { links, dropped }
}

type LinksById = ReadonlyMap<string, TaskLinks>

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

function addEdge(edge: PlanEdge, record: PlanRecord, links: LinksById, options: LinkParams): void {
  const task = links.get(edge.from)
  const { records, warnings, problems, replay, strict } = options
  if (!task) return
  const target = records.get(edge.to)
  if (edge.kind === 'other') task.other.push(edge.source)
  else if (!target) {
    const problem = `a ${edgeNames[edge.kind]} the file does not hold`
    if (strict) problems.add({ problem: `${problem}: ${edge.to}`, line: record.line })
    else {
      const effect = edge.isHeld && !replay ? 'holds its task until tasks.unhold' : 'blocks nobody'
      addWarning(warnings, `${problem}: it ${effect} and is kept in metadata.dependencies`, record)
    }
    task.other.push(edge.source)
  } else if (edge.kind === 'failure' && !edge.isExact) addFailureDependency(task, edge, target, replay)
  else if (edge.kind !== 'parent' && target.releases && !replay && !edge.isExact) task.other.push(edge.source)
  else attachEdge(task, edge, () => addWarning(warnings, 'a second parent: kept in metadata.dependencies', record))
}

const edgeNames = { blocks: 'dependency', children: 'dependency', failure: 'dependency', parent: 'parent' } as const

/** The words of a reason with which a beads issue is closed that count as its failure. */
const failureWords = /failed|rejected|wontfix|won't fix|cancell?ed|abandoned|blocked|error|timeout|aborted/i

/** Adds a dependency that only the failure of the other task meets. */
function addFailureDependency(task: TaskLinks, edge: PlanEdge, target: PlanRecord, replay: boolean): void {
  const ended = replay || target.status !== 'pending'
  if (!ended) {
    task.waitsFor.add(edge.to)
    task.kinds.set(edge.to, 'failure')
    return
  }
  task.other.push(edge.source)
  const reason = target.metadata['close_reason']
  const hasFailed = typeof reason === 'string' && failureWords.test(reason)
  if (!replay && target.status === 'completed' && !hasFailed)
    task.hold = `it waits for the failure of ${edge.to}, which was closed without one`
}

function attachEdge(task: TaskLinks, edge: PlanEdge, onSecondParent: () => void): void {
  if (edge.kind === 'blocks') {
    task.waitsFor.add(edge.to)
    task.kinds.delete(edge.to)
  } else if (edge.kind === 'children' || edge.kind === 'failure') {
    if (!task.waitsFor.has(edge.to)) task.kinds.set(edge.to, edge.kind)
    task.waitsFor.add(edge.to)
  } else if (task.parent === undefined) task.parent = edge.to
  else if (task.parent !== edge.to) {
    task.other.push(edge.source)
    onSecondParent()
  }
}

/**
 * Sorts the tasks so that each comes after its dependencies and its parent. A cycle of dependencies
 * is broken: one of its edges moves to the metadata. If a task of the cycle has ended, that task
 * loses its edge, and the cycle blocks nothing.
 *
 * Any other cycle, and each cycle of parents, is a problem of the file. With `--skip-bad` the
 * import continues without one edge of the cycle, and a cycle of dependencies holds its first task.
 */
export function sortTasks(links: ReadonlyMap<string, TaskLinks>, options: LinkParams): PlanRecord[] {
  const { records, warnings, problems } = options
  let cycles = 0
  // Without the edge of a cycle, what is sorted stays sorted.
  const progress = newProgress()
  for (;;) {
    const result = sortTopologically(links, progress)
    if (!('cycle' in result)) {
      for (const id of result.late) {
        const record = records.get(id)
        if (record) addWarning(warnings, 'a parent that waits for its own task: sorted after that task', record)
      }
      return result.ids.flatMap((id) => records.get(id) ?? [])
    }
    // Each cycle looks at the whole plan again.
    if (cycles === cycleLimit) problems.throwIfAny()
    cycles += 1
    const [first = ''] = result.cycle
    const at = result.cycle.findIndex((id) => records.get(id)?.status !== 'pending')
    const problem = `a cycle of ${result.of}: ${cycleText(result)}`
    const line = records.get(first)?.line
    if (result.of === 'parents') {
      problems.add({ problem, line, outcome: `kept, but ${first} has no parent` })
      removeParent(first, links)
      continue
    }
    if (at < 0) {
      problems.add({
        problem,
        line,
        outcome: `kept, but ${first} is held and does not wait for ${result.cycle[1] ?? first}`,
      })
      holdTask(first, 'its source has it in a cycle of dependencies', links)
    }
    breakCycle(result.cycle, Math.max(at, 0), links)
  }
}

/** The number of tasks of a cycle that a problem names. */
const maxShownTasks = 10

function cycleText({ cycle, of }: { readonly cycle: readonly string[]; readonly of: 'dependencies' | 'parents' }) {
  const arrow = of === 'parents' ? ' is part of ' : ' waits for '
  if (cycle.length <= maxShownTasks) return [...cycle, cycle[0]].join(arrow)
  return `${cycle.slice(0, maxShownTasks).join(arrow)}${arrow}… (${cycle.length} tasks)`
}

/** The number of cycles that are found before the file is refused. */
const cycleLimit = 100

function holdTask(id: string, reason: string, links: ReadonlyMap<string, TaskLinks>): void {
  const task = links.get(id)
  if (task) task.hold ??= reason
}

function removeParent(id: string, links: ReadonlyMap<string, TaskLinks>): void {
  const task = links.get(id)
  if (!task) return
  task.other.push({ issue_id: id, depends_on_id: task.parent, type: 'parent-child' })
  task.parent = undefined
}

function breakCycle(cycle: readonly string[], at: number, links: ReadonlyMap<string, TaskLinks>): void {
  const to = cycle[(at + 1) % cycle.length] ?? ''
  const task = links.get(cycle[at] ?? '')
  task?.waitsFor.delete(to)
  task?.kinds.delete(to)
  task?.other.push({ issue_id: cycle[at], depends_on_id: to, type: 'blocks' })
}

/** Returns the id of the nearest epic above a task. */
export function epicOf(
  id: string,
  links: ReadonlyMap<string, TaskLinks>,
  records: ReadonlyMap<string, PlanRecord>,
): string | undefined {
  let at = links.get(id)?.parent
  while (at !== undefined && records.get(at)?.kind !== 'epic') at = links.get(at)?.parent
  return at
}

/** Returns the number of tasks in the longest chain of dependencies. `tasks` must be sorted. */
export function levelCountOf(tasks: readonly PlanRecord[], links: ReadonlyMap<string, TaskLinks>): number {
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
