import { CoordinationError } from '@tony/mcp-shared/errors'
import { yieldToEventLoop } from '../../platform/clock.ts'

interface KeyedItem {
  readonly key: string | undefined
  readonly after: readonly string[]
}

/** Items that are sorted without a turn of the event loop: about 2 ms. */
const turnLimit = 2_000

/**
 * Sorts items so that each comes after those it names; otherwise the order stays. Ignores names
 * that no item of the list has. Throws DEPENDENCY_CYCLE with the names on the cycle.
 */
export function dependencyOrder<T extends KeyedItem>(items: readonly T[]): T[] {
  return [...orderedItems(items)]
}

/** Does the same for many items, and gives the event loop turns. */
export async function dependencyOrderInTurns<T extends KeyedItem>(items: readonly T[]): Promise<T[]> {
  const ordered: T[] = []
  for (const item of orderedItems(items)) {
    ordered.push(item)
    if (ordered.length % turnLimit === 0) await yieldToEventLoop()
  }
  return ordered
}

function* orderedItems<T extends KeyedItem>(items: readonly T[]): Generator<T> {
  const byKey = new Map(items.filter((item) => item.key !== undefined).map((item) => [item.key, item]))
  const ordered = new Set<T>()
  for (const item of items) if (!ordered.has(item)) yield* visit(item, byKey, ordered)
}

/**
 * Yields an item after everything it depends on. It uses its own stack, because a chain of ten
 * thousand tasks is legal.
 */
function* visit<T extends KeyedItem>(
  start: T,
  byKey: ReadonlyMap<string | undefined, T>,
  ordered: Set<T>,
): Generator<T> {
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

function refuseCycle(path: readonly KeyedItem[]): never {
  const keys = path.map(({ key }) => key ?? '')
  const cycle = keys.slice(keys.indexOf(keys.at(-1) ?? ''))
  throw new CoordinationError('DEPENDENCY_CYCLE', `these tasks wait for each other: ${cycle.join(' → ')}`, { cycle })
}
