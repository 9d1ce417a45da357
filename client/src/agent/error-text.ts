import { TonyError } from '../api/errors.ts'

/** What somebody threw, as text that every server takes: of whole characters, without NUL, and not longer than `most`. */
export function errorTextOf(thrown: unknown, maxLength: number): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return text.slice(0, maxLength).toWellFormed().replaceAll('\0', '\uFFFD')
}

/**
 * Whether a call was refused for what was to be said with it, or could not even be written down: again it would be refused again, so
 * whoever waits is to be told something else.
 */
export const isPayloadRejected = (error: unknown): boolean =>
  !(error instanceof TonyError) || error.code === 'INVALID_INPUT' || error.code === 'PAYLOAD_TOO_LARGE'
