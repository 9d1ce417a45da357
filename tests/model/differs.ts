const show = (value: unknown): string => JSON.stringify(value) ?? String(value)

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/**
 * Returns the path at which `actual` differs from `expected`, or undefined. An object may have more
 * keys than expected, and a list may not have more elements. A key that is expected to be undefined
 * may have any value.
 */
export function differs(expected: unknown, actual: unknown, where = ''): string | undefined {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length)
      return `${where}: expected ${show(expected)}, got ${show(actual)}`
    return first(expected.map((each, index) => differs(each, actual[index], `${where}[${index}]`)))
  }
  if (isObject(expected)) {
    if (!isObject(actual)) return `${where}: expected ${show(expected)}, got ${show(actual)}`
    return first(
      Object.entries(expected).map(([key, each]) =>
        each === undefined ? undefined : differs(each, actual[key], `${where}.${key}`),
      ),
    )
  }
  return Object.is(expected, actual) ? undefined : `${where}: expected ${show(expected)}, got ${show(actual)}`
}

const first = (found: readonly (string | undefined)[]): string | undefined => found.find((one) => one !== undefined)

/** Fails the run if the server differs from the model. */
export function same(expected: unknown, actual: unknown, where: string): void {
  const difference = differs(expected, actual, where)
  if (difference !== undefined) throw new Error(difference)
}
