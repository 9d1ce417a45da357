const secondMs = 1_000
const units = [
  ['d', 86_400 * secondMs],
  ['h', 3_600 * secondMs],
  ['min', 60 * secondMs],
  ['s', secondMs],
] as const

/** Returns a duration with its two largest units: `2 h 5 min`, `41 s`. */
export function formatDuration(ms: number): string {
  const first = units.findIndex(([, size]) => Math.abs(ms) >= size)
  if (first === -1) return '0 s'
  let rest = Math.abs(ms)
  const parts = units.slice(first, first + 2).flatMap(([name, size]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count === 0 ? [] : [`${count} ${name}`]
  })
  return `${ms < 0 ? '-' : ''}${parts.join(' ')}`
}

/** Returns the words of a value of the wire: `input_required` as `input required`. */
export const toWords = (value: string): string => value.replaceAll('_', ' ')

/** Returns the short form of an id, which people can compare. */
export const shortId = (id: string): string => (id.length > 13 ? id.slice(-12) : id)

export const formatCount = (count: number): string => count.toLocaleString('en')

/** Returns JSON as text for people: a string as it is, anything else indented. */
export const formatJson = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? '')
