interface Version {
  readonly numbers: readonly [number, number, number]
  /** The prerelease parts: `beta.1` is `['beta', '1']`. */
  readonly prerelease: readonly string[]
}

interface Comparator {
  readonly operator: '<' | '<=' | '>' | '>=' | '='
  readonly version: Version
}

const versionPattern = /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/

function parseVersion(text: string): Version | undefined {
  const found = versionPattern.exec(text.trim())
  if (!found) return undefined
  const [, major, minor, patch, before] = found
  return { numbers: [Number(major), Number(minor), Number(patch)], prerelease: before?.split('.') ?? [] }
}

export const isVersion = (text: string): boolean => parseVersion(text) !== undefined

const signOf = (difference: number): number => Math.sign(difference)

const isNumericPart = (part: string): boolean => /^\d+$/.test(part)

/**
 * Compares two prerelease parts: numbers precede words, and a shorter list precedes its
 * continuation.
 */
function comparePrereleaseParts(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0
  if (a === undefined) return -1
  if (b === undefined) return 1
  if (isNumericPart(a) && isNumericPart(b)) return signOf(Number(a) - Number(b))
  if (isNumericPart(a) !== isNumericPart(b)) return isNumericPart(a) ? -1 : 1
  return a < b ? -1 : 1
}

function compareVersions(a: Version, b: Version): number {
  for (const [index, number] of a.numbers.entries()) {
    const difference = number - (b.numbers[index] ?? 0)
    if (difference !== 0) return signOf(difference)
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return signOf(b.prerelease.length - a.prerelease.length)
  for (let index = 0; index < Math.max(a.prerelease.length, b.prerelease.length); index += 1) {
    const difference = comparePrereleaseParts(a.prerelease[index], b.prerelease[index])
    if (difference !== 0) return difference
  }
  return 0
}

/** True if a version precedes another. Both must be valid. */
export function isOlder(version: string, other: string): boolean {
  const [a, b] = [parseVersion(version), parseVersion(other)]
  return a !== undefined && b !== undefined && compareVersions(a, b) < 0
}

const partialVersionPattern =
  /^(<=|>=|<|>|=|\^|~)?\s*v?(\d+|[xX*])?(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/

const createComparator = (operator: Comparator['operator'], ...numbers: [number, number, number]): Comparator => ({
  operator,
  version: { numbers, prerelease: [] },
})

/** Returns the exclusive end of a partial version: `1.3.0` for `1.2`, `2.0.0` for `1`. */
const upperBound = (given: readonly number[]): [number, number, number] => {
  const [major = 0, minor = 0, patch = 0] = given
  if (given.length === 1) return [major + 1, 0, 0]
  return given.length === 2 ? [major, minor + 1, 0] : [major, minor, patch + 1]
}

/** Returns the exclusive end of a caret range, at the next value of the first number above zero. */
function caretUpperBound(given: readonly number[]): [number, number, number] {
  const first = given.findIndex((number) => number !== 0)
  return upperBound(given.slice(0, first < 0 ? given.length : first + 1))
}

/** Returns one part of a range as comparisons; undefined if it is invalid. */
function comparatorsOf(text: string): Comparator[] | undefined {
  const found = partialVersionPattern.exec(text)
  if (!found) return undefined
  const [, operator = '', major, minor, patch, pre] = found
  const parts = [major, minor, patch]
  const end = parts.findIndex((part) => part === undefined || !isNumericPart(part))
  const given = parts.slice(0, end < 0 ? 3 : end).map(Number)
  if (given.length === 0) return operator === '<' || operator === '>' ? [createComparator('<', 0, 0, 0)] : []
  const [a = 0, b = 0, c = 0] = given
  const version: Version = { numbers: [a, b, c], prerelease: pre?.split('.') ?? [] }
  const from: Comparator = { operator: '>=', version }
  switch (operator) {
    case '^':
      return [from, createComparator('<', ...caretUpperBound(given))]
    case '~':
      return [from, createComparator('<', ...upperBound(given.slice(0, 2)))]
    case '<':
    case '>=':
      return [{ operator, version }]
    case '>':
      return given.length === 3 ? [{ operator, version }] : [createComparator('>=', ...upperBound(given))]
    case '<=':
      return given.length === 3 ? [{ operator, version }] : [createComparator('<', ...upperBound(given))]
    default:
      return given.length === 3 ? [{ operator: '=', version }] : [from, createComparator('<', ...upperBound(given))]
  }
}

const satisfiesComparator = (version: Version, { operator, version: other }: Comparator): boolean => {
  const difference = compareVersions(version, other)
  if (operator === '=') return difference === 0
  if (operator.startsWith('<')) return difference < 0 || (operator === '<=' && difference === 0)
  return difference > 0 || (operator === '>=' && difference === 0)
}

/** A prerelease matches only a range that names a prerelease of the same version. */
const allowsPrerelease = (version: Version, comparators: readonly Comparator[]): boolean =>
  version.prerelease.length === 0 ||
  comparators.some(
    ({ version: { numbers, prerelease } }) =>
      prerelease.length > 0 && numbers.every((number, index) => number === version.numbers[index]),
  )

/** Returns the alternatives of a range; undefined if it is invalid. */
function alternativesOf(range: string): Comparator[][] | undefined {
  const alternatives = range.split('||').map((alternative) => {
    const text = alternative.trim().replace(/^(\S+)\s+-\s+(\S+)$/, '>=$1 <=$2')
    const parts = text.replaceAll(/(<=|>=|<|>|=|\^|~)\s+/g, '$1').split(/\s+/)
    const comparators = parts.map(comparatorsOf)
    return comparators.includes(undefined) ? undefined : comparators.flatMap((one) => one ?? [])
  })
  return alternatives.includes(undefined) ? undefined : alternatives.flatMap((one) => (one ? [one] : []))
}

export const isRange = (range: string): boolean => alternativesOf(range) !== undefined

/** True if a version is in a range, by npm's rules. */
export function satisfies(version: string, range: string): boolean {
  const [parsed, alternatives] = [parseVersion(version), alternativesOf(range)]
  if (!parsed || !alternatives) return false
  return alternatives.some(
    (comparators) =>
      allowsPrerelease(parsed, comparators) &&
      comparators.every((comparator) => satisfiesComparator(parsed, comparator)),
  )
}
