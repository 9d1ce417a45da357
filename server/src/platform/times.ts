/** Converts milliseconds since 1970 to the wire's ISO 8601 text. */
export const iso = (ms: number): string => new Date(ms).toISOString()

export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms))
