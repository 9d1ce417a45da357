import type { Tree, TreeNode } from './tree.ts'

const endedStatuses: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled'])

export const hasEnded = ({ status }: Pick<TreeNode, 'status'>): boolean => endedStatuses.has(status)

/** Returns the open tasks that each task waits for: its open dependencies and its open children. */
function openBlockers({ nodes, dependencies = [] }: Tree): ReadonlyMap<string, readonly string[]> {
  const open = new Set(nodes.filter((node) => !hasEnded(node)).map(({ id }) => id))
  const blockers = new Map<string, string[]>([...open].map((id) => [id, []]))
  for (const { id, parentId } of nodes) if (open.has(id) && parentId !== null) blockers.get(parentId)?.push(id)
  for (const { taskId, dependsOnId, open: waits } of dependencies)
    if (waits && open.has(dependsOnId)) blockers.get(taskId)?.push(dependsOnId)
  return blockers
}

/**
 * Returns the longest chain of open tasks that a task waits for, from the task to the leaf that
 * holds it back. Empty if the task has ended. Tasks of a cycle count once.
 */
export function criticalPathOf(tree: Tree, rootId: string): readonly string[] {
  const blockers = openBlockers(tree)
  const chains = new Map<string, readonly string[]>()
  const visiting = new Set<string>()
  const chainOf = (id: string): readonly string[] => {
    const known = chains.get(id)
    if (known) return known
    if (visiting.has(id)) return []
    visiting.add(id)
    let longest: readonly string[] = []
    for (const blocker of blockers.get(id) ?? []) {
      const chain = chainOf(blocker)
      if (chain.length > longest.length) longest = chain
    }
    visiting.delete(id)
    const chain = [id, ...longest]
    chains.set(id, chain)
    return chain
  }
  return blockers.has(rootId) ? chainOf(rootId) : []
}

/** The number of tasks below a task, and how many of them are completed. */
export interface Progress {
  readonly total: number
  readonly completed: number
}

/** Returns the progress of each task with children in the tree, over all tasks below it. */
export function progressByParent(nodes: readonly TreeNode[]): ReadonlyMap<string, Progress> {
  const parents = new Map(nodes.map(({ id, parentId }) => [id, parentId]))
  const progress = new Map<string, { total: number; completed: number }>()
  for (const node of nodes) {
    const seen = new Set<string>()
    for (let at = node.parentId; at !== null && !seen.has(at); at = parents.get(at) ?? null) {
      seen.add(at)
      const sum = progress.get(at) ?? { total: 0, completed: 0 }
      sum.total += 1
      if (node.status === 'completed') sum.completed += 1
      progress.set(at, sum)
    }
  }
  return progress
}
