interface Version {
  readonly numbers: readonly [number, number, number]
  /** Of a version before its release: `beta.1` is `['beta', '1']`. */
  readonly prerelease: readonly string[]
}

interface Comparator {
  readonly operator: '<' | '<=' | '>' | '>=' | '='
  readonly version: Version
}

const versionPattern = /^v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/

function parse(text: string): Version | undefined {
  const found = versionPattern.exec(text.trim())
  if (!found) return undefined
  const [, major, minor, patch, before] = found
  return { numbers: [Number(major), Number(minor), Number(patch)], prerelease: before?.split('.') ?? [] }
}

export const isVersion = (text: string): boolean => parse(text) !== undefined

const sign = (difference: number): number => Math.sign(difference)

const isNumber = (part: string): boolean => /^\d+$/.test(part)

/** A part of what stands before a release: numbers before words, a shorter one before what continues it. */
function compareParts(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0
  if (a === undefined) return -1
  if (b === undefined) return 1
  if (isNumber(a) && isNumber(b)) return sign(Number(a) - Number(b))
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1
  return a < b ? -1 : 1
}

function compare(a: Version, b: Version): number {
  for (const [index, number] of a.numbers.entries()) {
    const difference = number - (b.numbers[index] ?? 0)
    if (difference !== 0) return sign(difference)
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) return sign(b.prerelease.length - a.prerelease.length)
  for (let index = 0; index < Math.max(a.prerelease.length, b.prerelease.length); index += 1) {
    const difference = compareParts(a.prerelease[index], b.prerelease[index])
    if (difference !== 0) return difference
  }
  return 0
}

/** Whether a version comes before another. Both are versions. */
export function isOlder(version: string, other: string): boolean {
  const [a, b] = [parse(version), parse(other)]
  return a !== undefined && b !== undefined && compare(a, b) < 0
}

const partialVersionPattern =
  /^(<=|>=|<|>|=|\^|~)?\s*v?(\d+|[xX*])?(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/

const comparator = (operator: Comparator['operator'], ...numbers: [number, number, number]): Comparator => ({
  operator,
  version: { numbers, prerelease: [] },
})

/** Where a partial version ends: `1.2` before `1.3.0`, `1` before `2.0.0`. */
const upperBound = (given: readonly number[]): [number, number, number] => {
  const [major = 0, minor = 0, patch = 0] = given
  if (given.length === 1) return [major + 1, 0, 0]
  return given.length === 2 ? [major, minor + 1, 0] : [major, minor, patch + 1]
}

/** Where a caret ends: at the next number that is not zero. */
function caretUpperBound(given: readonly number[]): [number, number, number] {
  const first = given.findIndex((number) => number !== 0)
  return upperBound(given.slice(0, first < 0 ? given.length : first + 1))
}

/** One part of a range, as plain comparisons; undefined for what is none. */
function comparatorsOf(text: string): Comparator[] | undefined {
  const found = partialVersionPattern.exec(text)
  if (!found) return undefined
  const [, operator = '', major, minor, patch, pre] = found
  const parts = [major, minor, patch]
  const end = parts.findIndex((part) => part === undefined || !isNumber(part))
  const given = parts.slice(0, end < 0 ? 3 : end).map(Number)
  if (given.length === 0) return operator === '<' || operator === '>' ? [comparator('<', 0, 0, 0)] : []
  const [a = 0, b = 0, c = 0] = given
  const version: Version = { numbers: [a, b, c], prerelease: pre?.split('.') ?? [] }
  const from: Comparator = { operator: '>=', version }
  switch (operator) {
    case '^':
      return [from, comparator('<', ...caretUpperBound(given))]
    case '~':
      return [from, comparator('<', ...upperBound(given.slice(0, 2)))]
    case '<':
    case '>=':
      return [{ operator, version }]
    case '>':
      return given.length === 3 ? [{ operator, version }] : [comparator('>=', ...upperBound(given))]
    case '<=':
      return given.length === 3 ? [{ operator, version }] : [comparator('<', ...upperBound(given))]
    default:
      return given.length === 3 ? [{ operator: '=', version }] : [from, comparator('<', ...upperBound(given))]
  }
}

const satisfiesComparator = (version: Version, { operator, version: other }: Comparator): boolean => {
  const difference = compare(version, other)
  if (operator === '=') return difference === 0
  if (operator.startsWith('<')) return difference < 0 || (operator === '<=' && difference === 0)
  return difference > 0 || (operator === '>=' && difference === 0)
}

/** A version before its release is meant only where the range names one of the same release. */
const allowsPrerelease = (version: Version, comparators: readonly Comparator[]): boolean =>
  version.prerelease.length === 0 ||
  comparators.some(
    ({ version: { numbers, prerelease } }) =>
      prerelease.length > 0 && numbers.every((number, index) => number === version.numbers[index]),
  )

/** The alternatives of a range; undefined where it is none. */
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

/** Whether a version is in a range as npm knows it. */
export function satisfies(version: string, range: string): boolean {
  const [parsed, alternatives] = [parse(version), alternativesOf(range)]
  if (!parsed || !alternatives) return false
  return alternatives.some(
    (comparators) =>
      allowsPrerelease(parsed, comparators) &&
      comparators.every((comparator) => satisfiesComparator(parsed, comparator)),
  )
}
