/** What a task comes after: all it waits for, and its parent. */
export interface Predecessors {
  waitsFor: ReadonlySet<string>
  parent: string | undefined
}

export type Order =
  /** Each id comes after the one behind it in the list, and the last after the first. */
  | { cycle: string[]; of: 'dependencies' | 'parents' }
  /** `late`: tasks whose parent waits for them, so that the parent comes later. */
  | { ids: string[]; late: string[] }

interface Step {
  id: string
  via: 'wait' | 'parent'
  ahead: Omit<Step, 'ahead'>[]
}

/**
 * Sorts a plan: what a task waits for comes before it, and so does its parent unless the parent waits for the task. Tasks
 * keep the order of the map but for what is pulled forward. Ids the map does not hold are left out.
 */
export function order(plan: ReadonlyMap<string, Predecessors>): Order {
  const parents = parentCycle(plan)
  if (parents) return { cycle: parents, of: 'parents' }
  const sorted = new Set<string>()
  const late = new Set<string>()
  for (const root of plan.keys()) {
    const cycle = place(root, { plan, sorted, late })
    if (cycle) return { cycle, of: 'dependencies' }
  }
  return { ids: [...sorted], late: [...late] }
}

interface Sorting {
  plan: ReadonlyMap<string, Predecessors>
  sorted: Set<string>
  late: Set<string>
}

/** Adds a task and all before it to `sorted`, depth first; returns the ids of a dependency cycle when it meets one. */
function place(root: string, sorting: Sorting): string[] | undefined {
  if (sorting.sorted.has(root)) return undefined
  const path = [step({ id: root, via: 'wait' }, sorting)]
  const depths = new Map([[root, 0]])
  for (let top = path.at(-1); top; top = path.at(-1)) {
    const next = top.ahead.pop()
    if (!next) {
      sorting.sorted.add(top.id)
      depths.delete(top.id)
      path.pop()
      continue
    }
    if (sorting.sorted.has(next.id)) continue
    const start = depths.get(next.id)
    if (start === undefined) {
      depths.set(next.id, path.length)
      path.push(step(next, sorting))
    } else if (next.via === 'parent') {
      sorting.late.add(top.id)
    } else {
      // A cycle that passes from a child to its parent is legal: an epic may wait for its own tasks. The path is taken
      // back to that child, which then goes on without its parent.
      const cut = path.findLastIndex((each, depth) => depth > start && each.via === 'parent')
      const child = path[cut - 1]
      if (!child) return path.slice(start).map((each) => each.id)
      sorting.late.add(child.id)
      for (const each of path.splice(cut)) depths.delete(each.id)
    }
  }
  return undefined
}

function step({ id, via }: Omit<Step, 'ahead'>, { plan, late }: Sorting): Step {
  const { waitsFor, parent } = plan.get(id) ?? { waitsFor: new Set<string>(), parent: undefined }
  const ahead: Step['ahead'] = [...waitsFor].map((each) => ({ id: each, via: 'wait' }))
  if (parent !== undefined && !late.has(id)) ahead.unshift({ id: parent, via: 'parent' })
  return { id, via, ahead: ahead.filter((each) => plan.has(each.id)).reverse() }
}

function parentCycle(plan: ReadonlyMap<string, Predecessors>): string[] | undefined {
  const rooted = new Set<string>()
  for (const id of plan.keys()) {
    const chain = new Set<string>()
    for (let at: string | undefined = id; at !== undefined && !rooted.has(at); at = plan.get(at)?.parent) {
      if (chain.has(at)) return [...chain].slice([...chain].indexOf(at))
      chain.add(at)
    }
    for (const each of chain) rooted.add(each)
  }
  return undefined
}
