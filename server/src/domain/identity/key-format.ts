import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function toBase62(value: bigint, width: number): string {
  let text = ''
  for (let rest = value; rest > 0n; rest /= 62n) text = `${digits[Number(rest % 62n)]}${text}`
  return text.padStart(width, '0')
}

/** Returns 256 random bits in 43 characters. */
export const newKeySecret = (): string => toBase62(BigInt(`0x${randomBytes(32).toString('hex')}`), 43)

/** Returns 71 random bits in 12 characters: the public name of a key. */
export const newKeyId = (): string => keyIdFrom(randomBytes(16))

/** Returns a key id made of random bytes. */
export const keyIdFrom = (bytes: Buffer): string => toBase62(BigInt(`0x${bytes.toString('hex')}`) % 62n ** 12n, 12)

const checksum = (text: string): string => toBase62(BigInt(crc32(text)), 6)

/** Returns `tck_<id>_<secret>_<checksum>`. */
export function formatKey(id: string, secret: string): string {
  const text = `tck_${id}_${secret}`
  return `${text}_${checksum(text)}`
}

/** Returns the parts of a key; undefined for a malformed key, which costs no query. */
export function parseKey(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, body, id, secret, sum] = /^(tck_([0-9A-Za-z]{12})_([0-9A-Za-z]{43}))_([0-9A-Za-z]{6})$/.exec(text) ?? []
  if (body === undefined || id === undefined || secret === undefined || checksum(body) !== sum) return undefined
  return { id, secret }
}
