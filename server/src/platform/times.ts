/** Texts of recent times, by the last bits of their milliseconds. */
const recent: { readonly ms: number; readonly text: string }[] = []
const recentLimit = 64

/**
 * Converts milliseconds since 1970 to the wire's ISO 8601 text. The rows of a commit have one time,
 * so a text is used again more often than made.
 */
export function iso(ms: number): string {
  const known = recent[ms & (recentLimit - 1)]
  if (known?.ms === ms) return known.text
  const text = new Date(ms).toISOString()
  recent[ms & (recentLimit - 1)] = { ms, text }
  return text
}

export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms))
