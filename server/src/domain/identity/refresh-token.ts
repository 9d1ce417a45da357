import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Pepper } from './pepper.ts'

const uuidToHex = (id: string): string => id.replaceAll('-', '')
const toUuid = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/**
 * Builds `tcr_<session, random part, proof>`. The proof tells an issued token from an invented one,
 * so that the id of a session is not enough to end it with a wrong token.
 */
function buildToken(pepper: Pepper, sessionId: string, random: Buffer): string {
  const body = Buffer.concat([Buffer.from(uuidToHex(sessionId), 'hex'), random])
  const proof = Buffer.from(pepper.hash('refresh proof', body.toString('hex')), 'base64url')
  return `tcr_${Buffer.concat([body, proof]).toString('base64url')}`
}

export const newRefreshToken = (pepper: Pepper, sessionId: string): string =>
  buildToken(pepper, sessionId, randomBytes(16))

/** Returns the session that a token was issued for; undefined for a token that was never issued. */
export function sessionIdOfToken(pepper: Pepper, token: string): string | undefined {
  const bytes = Buffer.from(token.slice('tcr_'.length), 'base64url')
  if (bytes.length !== 64) return undefined
  const sessionId = toUuid(bytes.subarray(0, 16).toString('hex'))
  const expected = Buffer.from(buildToken(pepper, sessionId, bytes.subarray(16, 32)))
  const presented = Buffer.from(token)
  // A comparison in constant time: otherwise a wrong proof's timing would reveal it bit by bit.
  return presented.length === expected.length && timingSafeEqual(presented, expected) ? sessionId : undefined
}

/**
 * Returns the successor of a token. One nonce gives one successor, so that a lost reply can be
 * repeated.
 */
export const nextRefreshToken = (pepper: Pepper, sessionId: string, token: string, nonce: string): string =>
  buildToken(
    pepper,
    sessionId,
    Buffer.from(pepper.hash('refresh successor', token, nonce), 'base64url').subarray(0, 16),
  )
