import { CoordinationError } from '@tony/mcp-shared/errors'

interface Named {
  readonly key: string | undefined
  readonly after: readonly string[]
}

/**
 * Items in an order in which everything comes after what it names, otherwise as given. Names that no item of the list has are
 * somebody else's and are passed over. Throws DEPENDENCY_CYCLE with the names on the cycle.
 */
export function dependencyOrder<T extends Named>(items: readonly T[]): T[] {
  const byKey = new Map(items.filter((item) => item.key !== undefined).map((item) => [item.key, item]))
  const ordered: T[] = []
  const done = new Set<T>()
  for (const item of items) {
    // An explicit stack: a chain of ten thousand tasks is legal and would overflow the call stack.
    const path: { item: T; next: number }[] = [{ item, next: 0 }]
    const onPath = new Set<T>([item])
    while (path.length > 0) {
      const top = path.at(-1)
      if (!top) break
      const name = top.item.after[top.next]
      top.next += 1
      if (name === undefined || done.has(top.item)) {
        if (!done.has(top.item)) ordered.push(top.item)
        done.add(top.item)
        onPath.delete(top.item)
        path.pop()
        continue
      }
      const needed = byKey.get(name)
      if (!needed || done.has(needed)) continue
      if (onPath.has(needed))
        refuseCycle(
          path.map((step) => step.item.key ?? ''),
          name,
        )
      path.push({ item: needed, next: 0 })
      onPath.add(needed)
    }
  }
  return ordered
}

function refuseCycle(path: readonly string[], name: string): never {
  const cycle = [...path.slice(path.indexOf(name)), name]
  throw new CoordinationError('DEPENDENCY_CYCLE', `these tasks wait for each other: ${cycle.join(' → ')}`, { cycle })
}
