import { randomFillSync } from 'node:crypto'

const randomPool = Buffer.allocUnsafe(8_192)
let poolOffset = randomPool.length

/**
 * Returns random bytes as base64url text, for a lease token or a receipt. It fills a pool of 8 KiB
 * at a time, because a system call for each token costs more than the statement that stores it.
 */
export function randomToken(bytes: number): string {
  if (poolOffset + bytes > randomPool.length) {
    randomFillSync(randomPool)
    poolOffset = 0
  }
  const token = randomPool.toString('base64url', poolOffset, poolOffset + bytes)
  poolOffset += bytes
  return token
}
