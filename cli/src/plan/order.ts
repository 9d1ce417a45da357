/** The tasks before a task: its dependencies and its parent. */
export interface Predecessors {
  waitsFor: ReadonlySet<string>
  parent: string | undefined
}

export type SortResult =
  /** Each id comes after the next one in the list, and the last after the first. */
  | { cycle: string[]; of: 'dependencies' | 'parents' }
  /** `late`: tasks that come before their parent, because it waits for them. */
  | { ids: string[]; late: string[] }

/** The state of a sort. `late` has the tasks that come before their parent. */
export interface SortProgress {
  readonly sorted: Set<string>
  readonly late: Set<string>
  /** True once the parents were found to form no cycle. */
  parentsAreTree: boolean
}

export const newProgress = (): SortProgress => ({ sorted: new Set(), late: new Set(), parentsAreTree: false })

interface PathStep {
  id: string
  via: 'wait' | 'parent'
  remaining: Omit<PathStep, 'remaining'>[]
}

/**
 * Sorts a plan. The dependencies of a task come before it, and so does its parent unless the parent
 * waits for the task. Otherwise tasks keep the order of the map. Ids outside the map are left out.
 * After a cycle, the caller removes an edge of it and calls again with the same `progress`.
 */
export function sortTopologically(
  plan: ReadonlyMap<string, Predecessors>,
  progress: SortProgress = newProgress(),
): SortResult {
  const { sorted, late } = progress
  const parents = progress.parentsAreTree ? undefined : findParentCycle(plan)
  if (parents) return { cycle: parents, of: 'parents' }
  progress.parentsAreTree = true
  for (const root of plan.keys()) {
    const cycle = visitTask(root, { plan, sorted, late })
    if (!cycle) continue
    // Without the edge that the caller removes, a parent may no longer wait for its own task.
    for (const id of late) if (!sorted.has(id)) late.delete(id)
    return { cycle, of: 'dependencies' }
  }
  return { ids: [...sorted], late: [...late] }
}

interface SortState {
  plan: ReadonlyMap<string, Predecessors>
  sorted: Set<string>
  late: Set<string>
}

/**
 * Adds a task and all its predecessors to `sorted`, depth first. Returns the ids of a dependency
 * cycle if it finds one.
 */
function visitTask(root: string, state: SortState): string[] | undefined {
  if (state.sorted.has(root)) return undefined
  const path = [createPathStep({ id: root, via: 'wait' }, state)]
  const depths = new Map([[root, 0]])
  for (let top = path.at(-1); top; top = path.at(-1)) {
    const next = top.remaining.pop()
    if (!next) {
      state.sorted.add(top.id)
      depths.delete(top.id)
      path.pop()
      continue
    }
    if (state.sorted.has(next.id)) continue
    const start = depths.get(next.id)
    if (start === undefined) {
      depths.set(next.id, path.length)
      path.push(createPathStep(next, state))
    } else if (next.via === 'parent') {
      state.late.add(top.id)
    } else {
      // A cycle that passes from a child to its parent is legal, because an epic may wait for its
      // own tasks. The path is cut back to that child, which then continues without its parent.
      const cut = path.findLastIndex((each, depth) => depth > start && each.via === 'parent')
      const child = path[cut - 1]
      if (!child) return path.slice(start).map((each) => each.id)
      state.late.add(child.id)
      for (const each of path.splice(cut)) depths.delete(each.id)
    }
  }
  return undefined
}

function createPathStep({ id, via }: Omit<PathStep, 'remaining'>, { plan, late }: SortState): PathStep {
  const { waitsFor, parent } = plan.get(id) ?? { waitsFor: new Set<string>(), parent: undefined }
  const remaining: PathStep['remaining'] = [...waitsFor].map((each) => ({ id: each, via: 'wait' }))
  if (parent !== undefined && !late.has(id)) remaining.unshift({ id: parent, via: 'parent' })
  return { id, via, remaining: remaining.filter((each) => plan.has(each.id)).reverse() }
}

function findParentCycle(plan: ReadonlyMap<string, Predecessors>): string[] | undefined {
  const checked = new Set<string>()
  for (const id of plan.keys()) {
    const chain = new Set<string>()
    for (let at: string | undefined = id; at !== undefined && !checked.has(at); at = plan.get(at)?.parent) {
      if (chain.has(at)) return [...chain].slice([...chain].indexOf(at))
      chain.add(at)
    }
    for (const each of chain) checked.add(each)
  }
  return undefined
}
