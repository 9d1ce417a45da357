import { hash } from 'node:crypto'

/** A caller's idempotency key, with its scope and the hash of its input. */
export interface IdempotencyKey {
  readonly project: string
  readonly principal: string
  readonly procedure: string
  readonly key: string
  /** SHA-256 of the input as base64url. */
  readonly inputHash: string
}

/** The place of a key in the table of keys, and the numbers that a row of this key has there. */
export interface IdempotencySlot {
  readonly second: number
  readonly hash: number
  readonly identity: number
  readonly inputHigh: number
  readonly inputLow: number
  readonly project: number
}

/** Bytes of each number: integers of 48 bits are exact in JavaScript and short in both engines. */
const numberBytes = 6

const numbersOf = (digest: Buffer): readonly [number, number] => [
  digest.readUIntBE(0, numberBytes),
  digest.readUIntBE(numberBytes, numberBytes),
]

const timeOrderedUuid = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-/i

/**
 * The second in which a UUID of version 7 was made; 0 for any other key. The same key gives the
 * same number at any time. Rows of keys that were made together are then close together.
 */
function secondOf(key: string): number {
  const [, high = '', low = ''] = timeOrderedUuid.exec(key) ?? []
  return high === '' ? 0 : Math.floor(Number.parseInt(high + low, 16) / 1_000)
}

/** The number of a project in the table of keys, the same in every database. */
export const projectHashOf = (project: string): number => numbersOf(hash('sha256', project, 'buffer'))[0]

const projectHashes = new Map<string, number>()

function cachedProjectHashOf(project: string): number {
  const known = projectHashes.get(project) ?? projectHashOf(project)
  projectHashes.set(project, known)
  return known
}

export function idempotencySlotOf({ project, principal, procedure, key, inputHash }: IdempotencyKey): IdempotencySlot {
  // The length keeps apart a principal and a key that are joined in another way.
  const scoped = `${project}\n${procedure}\n${principal.length}\n${principal}${key}`
  const [place, identity] = numbersOf(hash('sha256', scoped, 'buffer'))
  const [inputHigh, inputLow] = numbersOf(Buffer.from(inputHash, 'base64url'))
  return { second: secondOf(key), hash: place, identity, inputHigh, inputLow, project: cachedProjectHashOf(project) }
}
