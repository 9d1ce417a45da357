import { forEachYielding } from '../../platform/yielding.ts'

/** The tasks that each task waits for. */
export type DependencyGraph = ReadonlyMap<string, readonly string[]>

/** The state of a walk through one task of the graph. */
interface Visit {
  readonly key: string
  readonly targets: Iterator<string>
}

/** Tarjan's algorithm with its own stack, because a chain of ten thousand tasks is legal. */
class Walk {
  readonly components = new Map<string, number>()
  readonly #graph: DependencyGraph
  readonly #order = new Map<string, number>()
  readonly #low = new Map<string, number>()
  readonly #unassigned: string[] = []

  constructor(graph: DependencyGraph) {
    this.#graph = graph
  }

  /** Visits all tasks, and yields after each step of the walk. */
  *steps(): Generator<void> {
    for (const root of this.#graph.keys()) if (!this.#order.has(root)) yield* this.#stepsFrom(root)
  }

  *#stepsFrom(root: string): Generator<void> {
    const path = [this.#enter(root)]
    for (let visit = path.at(-1); visit; visit = path.at(-1)) {
      yield
      const { value: target, done } = visit.targets.next()
      if (done) {
        path.pop()
        this.#leave(visit.key, path.at(-1)?.key)
      } else if (!this.#order.has(target)) path.push(this.#enter(target))
      else if (!this.components.has(target)) this.#lower(visit.key, this.#order.get(target))
    }
  }

  #enter(key: string): Visit {
    this.#low.set(key, this.#order.size)
    this.#order.set(key, this.#order.size)
    this.#unassigned.push(key)
    return { key, targets: (this.#graph.get(key) ?? [])[Symbol.iterator]() }
  }

  #lower(key: string, to = Number.POSITIVE_INFINITY): void {
    this.#low.set(key, Math.min(this.#low.get(key) ?? to, to))
  }

  /** Ends the walk through a task. The first task of a component takes the others with it. */
  #leave(key: string, above: string | undefined): void {
    const low = this.#low.get(key)
    if (above !== undefined) this.#lower(above, low)
    if (low === undefined || low !== this.#order.get(key)) return
    const first = this.#unassigned.lastIndexOf(key)
    for (const member of this.#unassigned.splice(first)) this.components.set(member, low)
  }
}

/**
 * Returns the number of the strongly connected component of each task. Only an edge inside a
 * component can be part of a cycle. Gives the event loop turns.
 */
export async function componentsOf(graph: DependencyGraph): Promise<ReadonlyMap<string, number>> {
  const walk = new Walk(graph)
  await forEachYielding(walk.steps(), () => undefined)
  return walk.components
}
