import { CoordinationError } from '@tony/mcp-shared/errors'

interface KeyedItem {
  readonly key: string | undefined
  readonly after: readonly string[]
}

/**
 * Sorts items so that each comes after those it names; otherwise the order stays. Ignores names
 * that no item of the list has. Throws DEPENDENCY_CYCLE with the names on the cycle.
 */
export function dependencyOrder<T extends KeyedItem>(items: readonly T[]): T[] {
  const byKey = new Map(items.filter((item) => item.key !== undefined).map((item) => [item.key, item]))
  const ordered = new Set<T>()
  for (const item of items) if (!ordered.has(item)) visit(item, byKey, ordered)
  return [...ordered]
}

/**
 * Adds an item after everything it depends on. It uses its own stack, because a chain of ten
 * thousand tasks is legal.
 */
function visit<T extends KeyedItem>(start: T, byKey: ReadonlyMap<string | undefined, T>, ordered: Set<T>): void {
  const path: T[] = [start]
  const onPath = new Set<T>(path)
  for (let item = path.at(-1); item !== undefined; item = path.at(-1)) {
    const needed = nextUnordered(item, byKey, ordered)
    if (needed) {
      if (onPath.has(needed)) refuseCycle([...path, needed])
      path.push(needed)
      onPath.add(needed)
    } else {
      ordered.add(item)
      onPath.delete(item)
      path.pop()
    }
  }
}

function nextUnordered<T extends KeyedItem>(
  item: T,
  byKey: ReadonlyMap<string | undefined, T>,
  ordered: ReadonlySet<T>,
): T | undefined {
  for (const name of item.after) {
    const needed = byKey.get(name)
    if (needed && !ordered.has(needed)) return needed
  }
  return undefined
}

function refuseCycle(path: readonly KeyedItem[]): never {
  const keys = path.map(({ key }) => key ?? '')
  const cycle = keys.slice(keys.indexOf(keys.at(-1) ?? ''))
  throw new CoordinationError('DEPENDENCY_CYCLE', `these tasks wait for each other: ${cycle.join(' → ')}`, { cycle })
}
