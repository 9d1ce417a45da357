import { randomFillSync } from 'node:crypto'

const pool = Buffer.allocUnsafe(8_192)
let offset = pool.length

/**
 * Returns random bytes as base64url text, for a lease token or a receipt. It fills a pool of 8 KiB
 * at a time, because a system call for each token costs more than the statement that stores it.
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
