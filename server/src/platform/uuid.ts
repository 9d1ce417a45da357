import { randomFillSync } from 'node:crypto'
import { V7Generator } from 'uuidv7'

/** Random numbers that are fetched at once: one fetch costs 3 µs, whatever its size. */
const poolSize = 1_024

const pool = new Uint32Array(poolSize)
let next = poolSize

const generator = new V7Generator({
  nextUint32: () => {
    if (next === poolSize) {
      randomFillSync(pool)
      next = 0
    }
    const value = pool[next] ?? 0
    next += 1
    return value
  },
})

/**
 * Returns a new UUID of version 7. The UUIDs of one process sort in the order of their creation.
 */
export const uuidv7 = (): string => generator.generate().toString()
