import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Pepper } from './pepper.ts'

const toHex = (id: string): string => id.replaceAll('-', '')
const toUuid = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/**
 * `tcr_<session, random part, proof>`: the proof tells a token that was once given out from one somebody made up, so that
 * knowing the id of a session is not enough to end it by showing a wrong token.
 */
function buildToken(pepper: Pepper, sessionId: string, random: Buffer): string {
  const body = Buffer.concat([Buffer.from(toHex(sessionId), 'hex'), random])
  const proof = Buffer.from(pepper.hash('refresh proof', body.toString('hex')), 'base64url')
  return `tcr_${Buffer.concat([body, proof]).toString('base64url')}`
}

export const newRefreshToken = (pepper: Pepper, sessionId: string): string =>
  buildToken(pepper, sessionId, randomBytes(16))

/** The session a token was given out for; undefined for one that never was. */
export function sessionIdOfToken(pepper: Pepper, token: string): string | undefined {
  const bytes = Buffer.from(token.slice('tcr_'.length), 'base64url')
  if (bytes.length !== 64) return undefined
  const sessionId = toUuid(bytes.subarray(0, 16).toString('hex'))
  const expected = Buffer.from(buildToken(pepper, sessionId, bytes.subarray(16, 32)))
  const presented = Buffer.from(token)
  // Else the proof could be guessed bit by bit, by how long a wrong one takes.
  return presented.length === expected.length && timingSafeEqual(presented, expected) ? sessionId : undefined
}

/** What a token is exchanged for: with the same nonce always the same, so that a lost answer can be given again. */
export const nextRefreshToken = (pepper: Pepper, sessionId: string, token: string, nonce: string): string =>
  buildToken(
    pepper,
    sessionId,
    Buffer.from(pepper.hash('refresh successor', token, nonce), 'base64url').subarray(0, 16),
  )
