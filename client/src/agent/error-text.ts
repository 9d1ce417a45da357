import { TonyError } from '../api/errors.ts'

/**
 * Returns the message of a thrown value as text that every server accepts: well-formed Unicode
 * without NUL, at most `maxLength` UTF-16 code units.
 */
export function errorTextOf(thrown: unknown, maxLength: number): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return text.slice(0, maxLength).toWellFormed().replaceAll('\0', '\uFFFD')
}

/**
 * True if the payload itself was rejected or could not be serialized. A repeat would fail again, so
 * the waiting side needs another reply.
 */
export const isPayloadRejected = (error: unknown): boolean =>
  !(error instanceof TonyError) || error.code === 'INVALID_INPUT' || error.code === 'PAYLOAD_TOO_LARGE'
