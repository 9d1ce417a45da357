import { CoordinationError } from '@tony/mcp-shared/errors'
import { forEachYielding, mapYielding } from '../../platform/yielding.ts'

interface KeyedItem {
  readonly key: string | undefined
  readonly after: readonly string[]
}

/**
 * Sorts items so that each comes after those it names; otherwise the order stays. Ignores names
 * that no item of the list has. Throws DEPENDENCY_CYCLE with the names on the cycle.
 */
export function dependencyOrder<T extends KeyedItem>(items: readonly T[]): T[] {
  return [...orderedItems(items, new Map(items.map((item) => [item.key, item])))]
}

/** Does the same for many items, and gives the event loop turns. */
export async function dependencyOrderYielding<T extends KeyedItem>(items: readonly T[]): Promise<T[]> {
  const byKey = new Map<string | undefined, T>()
  await forEachYielding(items, (item) => byKey.set(item.key, item))
  return mapYielding(orderedItems(items, byKey), (item) => item)
}

function* orderedItems<T extends KeyedItem>(
  items: readonly T[],
  byKey: ReadonlyMap<string | undefined, T>,
): Generator<T> {
  const ordered = new Set<T>()
  for (const item of items) if (!ordered.has(item)) yield* visitItem(item, byKey, ordered)
}

/**
 * Yields an item after everything it depends on. It uses its own stack, because a chain of ten
 * thousand tasks is legal.
 */
function* visitItem<T extends KeyedItem>(
  start: T,
  byKey: ReadonlyMap<string | undefined, T>,
  ordered: Set<T>,
): Generator<T> {
  const path: T[] = [start]
  const onPath = new Set<T>(path)
  for (let item = path.at(-1); item !== undefined; item = path.at(-1)) {
    const needed = nextUnordered(item, byKey, ordered)
    if (needed) {
      if (onPath.has(needed)) throwCycle([...path, needed])
      path.push(needed)
      onPath.add(needed)
    } else {
      ordered.add(item)
      onPath.delete(item)
      path.pop()
      yield item
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

function throwCycle(path: readonly KeyedItem[]): never {
  const keys = path.map(({ key }) => key ?? '')
  const cycle = keys.slice(keys.indexOf(keys.at(-1) ?? ''))
  throw new CoordinationError('DEPENDENCY_CYCLE', `these tasks wait for each other: ${cycle.join(' → ')}`, { cycle })
}
