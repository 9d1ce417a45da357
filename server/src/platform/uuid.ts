import { randomFillSync } from 'node:crypto'
import { V7Generator } from 'uuidv7'

/** Random numbers that are fetched at once: one fetch costs 3 µs, whatever its size. */
const poolSize = 1_024

const randomPool = new Uint32Array(poolSize)
let poolIndex = poolSize

const generator = new V7Generator({
  nextUint32: () => {
    if (poolIndex === poolSize) {
      randomFillSync(randomPool)
      poolIndex = 0
    }
    const value = randomPool[poolIndex] ?? 0
    poolIndex += 1
    return value
  },
})

const hexDigits = Buffer.from('0123456789abcdef', 'latin1')

/** The text of one UUID. It is written here because strings joined by digit take twice the time. */
const text = Buffer.alloc(36, '-')

/** The place of each byte in the text. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]

/**
 * Returns a new UUID of version 7. The UUIDs of one process sort in the order of their creation.
 */
export function uuidv7(): string {
  const { bytes } = generator.generate()
  for (let index = 0; index < places.length; index += 1) {
    const [place, byte] = [places[index] ?? 0, bytes[index] ?? 0]
    text[place] = hexDigits[byte >> 4] ?? 0
    text[place + 1] = hexDigits[byte & 15] ?? 0
  }
  return text.toString('latin1')
}
