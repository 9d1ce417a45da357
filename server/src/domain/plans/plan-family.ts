import { forEachYielding } from '../../platform/yielding.ts'
import { areRivalKinds, inheritedKind } from '../tasks/dependency-kinds.ts'
import { componentsOf } from './components.ts'
import type { StagedTask } from './staged-tasks.ts'

/** An edge to another task of a plan. */
export interface PlannedEdge {
  readonly key: string
  readonly kind: number
}

/** The derived edges of the tasks of a plan, by key. */
export interface PlanFamily {
  readonly inherited: ReadonlyMap<string, readonly PlannedEdge[]>
  /** The children that a parent waits for. They are published before it. */
  readonly children: ReadonlyMap<string, readonly string[]>
  /** The inherited edges that cycles within the plan left out, by the task they lead to. */
  readonly leftOut: ReadonlyMap<string, readonly PlannedEdge[]>
  /** The same edges, by their own task. */
  readonly leftOutOf: ReadonlyMap<string, readonly PlannedEdge[]>
}

type Edges<T = string> = Map<string, T[]>

const addEdge = <T>(edges: Edges<T>, from: string, to: T) => {
  const known = edges.get(from)
  if (known) known.push(to)
  else edges.set(from, [to])
}

/** Sorts tasks so that each comes after its parent. Tasks below a ring of parents come last. */
async function parentsFirst(tasks: readonly StagedTask[], keys: ReadonlySet<string>): Promise<StagedTask[]> {
  const children = new Map<string | undefined, StagedTask[]>()
  await forEachYielding(tasks, (task) => {
    const parent = task.parent !== undefined && keys.has(task.parent) ? task.parent : undefined
    const known = children.get(parent)
    if (known) known.push(task)
    else children.set(parent, [task])
  })
  const ordered = new Set(children.get(undefined) ?? [])
  await forEachYielding(ordered, (task) => {
    for (const child of children.get(task.key) ?? []) ordered.add(child)
  })
  return [...ordered, ...tasks.filter((task) => !ordered.has(task))]
}

/** The edges that are sure, and the components of the graph of all that are possible. */
class AcceptedEdges {
  readonly #graph: Edges
  readonly #components: ReadonlyMap<string, number>

  constructor(graph: Edges, components: ReadonlyMap<string, number>) {
    this.#graph = graph
    this.#components = components
  }

  /** Adds an edge and returns true, unless it would close a cycle. */
  add(from: string, to: string): boolean {
    if (from === to || this.#closesCycle(from, to)) return false
    addEdge(this.#graph, from, to)
    return true
  }

  #closesCycle(from: string, to: string): boolean {
    const component = this.#components.get(from)
    if (this.#components.get(to) !== component) return false
    const seen = new Set([to])
    for (const key of seen) {
      if (key === from) return true
      for (const next of this.#graph.get(key) ?? []) if (this.#components.get(next) === component) seen.add(next)
    }
    return false
  }
}

async function ownEdgesOf(tasks: readonly StagedTask[], keys: ReadonlySet<string>): Promise<Edges> {
  const edges: Edges = new Map()
  await forEachYielding(tasks, ({ key, after }) =>
    edges.set(
      key,
      after.filter((name) => keys.has(name)),
    ),
  )
  return edges
}

/** Adds every derived edge that is possible to the edges of a plan. */
async function addPossibleEdges(children: readonly ChildTask[], edges: Edges): Promise<Edges> {
  await forEachYielding(children, ({ key, parent }) => {
    for (const to of edges.get(parent) ?? []) addEdge(edges, key, to)
  })
  await forEachYielding(children, ({ key, parent }) => addEdge(edges, parent, key))
  return edges
}

interface ChildTask extends StagedTask {
  readonly parent: string
}

/**
 * Returns the edges that follow from the parents within a plan. An edge that would close a cycle
 * with those before it is left out: first the plan's own edges count, then those from parents to
 * children, then the inherited ones.
 */
export async function planFamilyOf(tasks: readonly StagedTask[]): Promise<PlanFamily> {
  const byKey = new Map<string, StagedTask>()
  await forEachYielding(tasks, (task) => byKey.set(task.key, task))
  const isChild = (task: StagedTask): task is ChildTask => task.parent !== undefined && byKey.has(task.parent)
  const inherited: Edges<PlannedEdge> = new Map()
  const children: Edges = new Map()
  const leftOut: Edges<PlannedEdge> = new Map()
  const leftOutOf: Edges<PlannedEdge> = new Map()
  const keys = new Set(byKey.keys())
  const ordered = (await parentsFirst(tasks, keys)).filter(isChild)
  if (ordered.length === 0) return { inherited, children, leftOut, leftOutOf }
  const components = await componentsOf(await addPossibleEdges(ordered, await ownEdgesOf(tasks, keys)))
  const accepted = new AcceptedEdges(await ownEdgesOf(tasks, keys), components)
  await forEachYielding(ordered, ({ key, parent }) => {
    if (accepted.add(parent, key)) addEdge(children, parent, key)
  })
  await forEachYielding(ordered, ({ key, parent, own }) => {
    const known: PlannedEdge[] = [...own]
    const ofParent = [...(inherited.get(parent) ?? []), ...(leftOutOf.get(parent) ?? [])]
    for (const { key: to, kind: parentKind } of [...(byKey.get(parent)?.own ?? []), ...ofParent]) {
      const kind = inheritedKind(parentKind)
      if (kind === undefined || known.some((edge) => edge.key === to && areRivalKinds(kind, edge.kind))) continue
      known.push({ key: to, kind })
      if (!keys.has(to) || accepted.add(key, to)) addEdge(inherited, key, { key: to, kind })
      else if (to !== key) {
        addEdge(leftOutOf, key, { key: to, kind })
        addEdge(leftOut, to, { key, kind })
      }
    }
  })
  return { inherited, children, leftOut, leftOutOf }
}
