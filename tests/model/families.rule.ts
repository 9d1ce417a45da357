/** The parts of a task that decide if it waits, as a reader gets them. */
export interface Seen {
  readonly id: string
  readonly status: string
  readonly revision: number
  readonly parentId: string | null
  readonly dependsOn: readonly string[]
  readonly waitsFor: readonly { readonly taskId: string; readonly kind: 'children' | 'failure' }[]
  readonly hold: object | null
  readonly epic: string | null
  readonly onChildrenEnd: 'claim' | 'complete'
}

/** A reason to wait for another task. */
interface Edge {
  readonly to: string
  /** True once the other task lets this one go. */
  readonly isMet: boolean
  /** True for an edge of the caller, which always counts. */
  readonly isOwn: boolean
}

const ended = ['completed', 'failed', 'cancelled']
export const hasEnded = ({ status }: Seen): boolean => ended.includes(status)
export const isWaiting = ({ status }: Seen): boolean => status === 'pending' || status === 'blocked'

/** `must`: waits for certain. `may`: waits unless the edge was left out for the sake of a cycle. */
export type Verdict = 'free' | 'may' | 'must'

/**
 * The contract's rule of readiness, written from its words alone. A task waits for its own
 * dependencies, for the end of its children and for the dependencies of its parent. A derived edge
 * is left out while the other task waits for this one, or if a nearer edge names the same task. A
 * task that has ended waits for nothing.
 */
export class Families {
  readonly tasks: readonly Seen[]
  readonly #byId: ReadonlyMap<string, Seen>
  readonly #edges: ReadonlyMap<string, readonly Edge[]>

  constructor(tasks: readonly Seen[]) {
    this.tasks = tasks
    this.#byId = new Map(tasks.map((task) => [task.id, task]))
    const live = tasks.filter((task) => !hasEnded(task))
    const own = new Map(live.map((task) => [task.id, this.#ownEdges(task)]))
    const all = new Map(live.map((task) => [task.id, [...(own.get(task.id) ?? []), ...this.#derivedEdges(task)]]))
    // The edges of the caller always count. A derived edge beside or against one is left out.
    this.#edges = new Map(
      [...all].map(([id, edges]) => {
        const named = new Set(own.get(id)?.map(({ to }) => to))
        return [id, edges.filter(({ to, isOwn }) => isOwn || !(named.has(to) || reaches(own, to, id)))]
      }),
    )
  }

  childrenOf(id: string): Seen[] {
    return this.tasks.filter(({ parentId }) => parentId === id)
  }

  /**
   * True for a parent that the end of its last child completes: it says so, and none has failed. A
   * parent does not wait for a child that waits for the parent.
   */
  endsWithChildren({ id, onChildrenEnd }: Seen): boolean {
    const children = this.childrenOf(id)
    const isOver = (child: Seen) => hasEnded(child) || reaches(this.#edges, child.id, id)
    const areDone = children.every((child) => isOver(child) && child.status !== 'failed')
    return onChildrenEnd === 'complete' && children.length > 0 && areDone
  }

  /** Says if a task waits. */
  verdictOf(task: Seen): Verdict {
    const { id } = task
    const edges = this.#edges.get(id) ?? []
    const open = edges.filter(({ isMet }) => !isMet)
    if (open.length === 0) return 'free'
    // Of derived edges on one cycle the server may have left out either. An ancestor waits for the
    // task until it ends, and the server may leave out an inherited edge to it after that too.
    const ancestors = new Set(this.#ancestorsOf(task).map((ancestor) => ancestor.id))
    const isSure = ({ to, isOwn }: Edge) => isOwn || !(ancestors.has(to) || reaches(this.#edges, to, id))
    return open.some(isSure) ? 'must' : 'may'
  }

  /** The tasks that nothing can ever let go: they wait for an end that did not come. */
  stuck(): ReadonlySet<string> {
    const stuck = new Set<string>()
    for (let before = -1; before !== stuck.size; ) {
      before = stuck.size
      for (const task of this.tasks.filter(isWaiting)) {
        const open = (this.#edges.get(task.id) ?? []).filter(({ isMet }) => !isMet)
        const isStuck = ({ to }: Edge) => {
          const other = this.#byId.get(to)
          return other === undefined || hasEnded(other) || stuck.has(to)
        }
        if (open.some(isStuck)) stuck.add(task.id)
      }
    }
    return stuck
  }

  /** The kind `children` names the children of the other task, and not that task. */
  #ownEdges({ dependsOn, waitsFor }: Seen): Edge[] {
    const statusOf = (id: string) => this.#byId.get(id)?.status
    const failures = waitsFor.filter(({ kind }) => kind === 'failure')
    return [
      ...dependsOn.map((to) => ({ to, isMet: statusOf(to) === 'completed', isOwn: true })),
      ...failures.map(({ taskId: to }) => ({ to, isMet: statusOf(to) === 'failed', isOwn: true })),
    ]
  }

  /** The own edges of the ancestors. Of two to one task the nearer one counts. */
  #inheritedEdges(ancestors: readonly Seen[]): Edge[] {
    const nearest = new Map<string, Edge>()
    for (const edge of ancestors.flatMap((ancestor) => this.#ownEdges(ancestor)))
      if (!nearest.has(edge.to)) nearest.set(edge.to, { ...edge, isOwn: false })
    return [...nearest.values()]
  }

  #derivedEdges(task: Seen): Edge[] {
    const toEnd = (other: Seen): Edge => ({ to: other.id, isMet: hasEnded(other), isOwn: false })
    const line = [task, ...this.#ancestorsOf(task)]
    return [
      ...this.childrenOf(task.id).map(toEnd),
      ...this.#inheritedEdges(line.slice(1)),
      ...line.flatMap(({ waitsFor }) =>
        waitsFor.filter(({ kind }) => kind === 'children').flatMap(({ taskId }) => this.childrenOf(taskId).map(toEnd)),
      ),
    ]
  }

  #ancestorsOf(task: Seen): Seen[] {
    const above: Seen[] = []
    for (let at = this.#byId.get(task.parentId ?? ''); at; at = this.#byId.get(at.parentId ?? '')) above.push(at)
    return above
  }
}

/** True if a task is another one or waits for it through these edges. */
function reaches(edges: ReadonlyMap<string, readonly Edge[]>, from: string, id: string): boolean {
  const seen = new Set([from])
  for (const each of seen) {
    if (each === id) return true
    for (const { to } of edges.get(each) ?? []) seen.add(to)
  }
  return false
}
