import { randomFillSync } from 'node:crypto'

const pool = Buffer.allocUnsafe(8_192)
let offset = pool.length

/**
 * So many random bytes as text: a lease token, a receipt. Drawn from the system's generator a pool at a time, because a
 * call of it for each costs more than the statement that stores it.
 */
export function randomToken(bytes: number): string {
  if (offset + bytes > pool.length) {
    randomFillSync(pool)
    offset = 0
  }
  const token = pool.toString('base64url', offset, offset + bytes)
  offset += bytes
  return token
}
