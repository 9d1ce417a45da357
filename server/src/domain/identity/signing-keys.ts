import { createHash, generateKeyPairSync, type webcrypto } from 'node:crypto'
import { importJWK, type JWK } from 'jose'
import { z } from 'zod'
import { ConfigError } from '../../config.ts'
import type { Clock } from '../../platform/clock.ts'
import type { KeyStore } from './key-store.ts'

/** Added to the life of the last token that a key signed, for clocks that disagree. */
const marginMs = 60_000

const dayMs = 86_400_000

/**
 * Time between the publication of a key and its first signature, in which holders of a copy of the
 * public keys can refresh it.
 */
export const publishLeadMs = dayMs

/** Time in which every replica has read new keys. */
export const propagationMs = 5_000

const secretKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
  kid: z.string(),
  /** Start of its use for signing. */
  signsFrom: z.iso.datetime(),
})
type SecretKey = z.output<typeof secretKey>

const keyFileSchema = z.object({ keys: z.array(secretKey).min(1) })

/**
 * Parses the keys of a key store, the newest last. Throws ConfigError, because with other keys
 * every token would be refused.
 */
function parseKeys(text: string): SecretKey[] {
  const unusable = 'the signing keys cannot be read: they are not { "keys": [ … ] } of Ed25519'
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ConfigError(unusable, { cause })
  }
  const { data } = keyFileSchema.safeParse(json)
  if (!data) throw new ConfigError(unusable)
  return data.keys.toSorted((a, b) => Date.parse(a.signsFrom) - Date.parse(b.signsFrom))
}

/** Returns the thumbprint of RFC 7638. */
const thumbprint = (x: string): string =>
  createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest('base64url')

function newKey(signsFrom: number): SecretKey {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  return {
    kty: 'OKP',
    crv: 'Ed25519',
    x,
    d,
    kid: thumbprint(x),
    signsFrom: new Date(signsFrom).toISOString(),
  }
}

/** The time of a key's replacement: the next key signs from then on. */
const replacementTimeOf = (keys: readonly SecretKey[], index: number): number =>
  Date.parse(keys[index + 1]?.signsFrom ?? '') || Number.POSITIVE_INFINITY

/** Removes the keys whose last token has expired. */
const withoutExpired = (keys: readonly SecretKey[], now: number, lifeMs: number): SecretKey[] =>
  keys.filter((_, index) => now < replacementTimeOf(keys, index) + lifeMs + marginMs)

export interface RotationOptions {
  readonly now: number
  /** Lifetime of a token. */
  readonly lifeMs: number
  /** Start of the new key's use for signing. */
  readonly signsFrom: number
  /** True ends all other keys at once, with every token they signed. */
  readonly revoke?: boolean
  /**
   * Adds a key only if none signs from this time on or later, so that concurrent rotations add one.
   */
  readonly onlyIfNoneSince?: number
}

/**
 * Adds a key to a key store and removes expired keys. Returns the public keys that are now in it.
 */
export async function rotateKeys(keyStore: KeyStore, rotation: RotationOptions): Promise<readonly PublicKey[]> {
  const { now, lifeMs, signsFrom, revoke = false, onlyIfNoneSince = Number.POSITIVE_INFINITY } = rotation
  const text = await keyStore.update((before) => {
    const keys = before === undefined || revoke ? [] : parseKeys(before)
    const current = withoutExpired(keys, now, lifeMs)
    const alreadyRotated = keys.some((key) => Date.parse(key.signsFrom) >= onlyIfNoneSince)
    return JSON.stringify({ keys: alreadyRotated ? current : [...current, newKey(signsFrom)] })
  })
  return parseKeys(text).map(toPublicKey)
}

export interface PublicKey {
  readonly kid: string
  readonly x: string
  readonly signsFrom: string
}
const toPublicKey = ({ kid, x, signsFrom }: SecretKey): PublicKey => ({ kid, x, signsFrom })

/** Returns the public keys that are in a key store. */
export async function listPublicKeys(keyStore: KeyStore): Promise<readonly PublicKey[]> {
  const text = await keyStore.read()
  return text === undefined ? [] : parseKeys(text).map(toPublicKey)
}

interface LoadedKey {
  readonly kid: string
  readonly x: string
  readonly signsFrom: number
  readonly validUntil: number
  readonly signingKey: webcrypto.CryptoKey | Uint8Array
  readonly verificationKey: webcrypto.CryptoKey | Uint8Array
}

async function importKeys(keys: readonly SecretKey[], lifeMs: number): Promise<LoadedKey[]> {
  return Promise.all(
    keys.map(async ({ signsFrom, kid, ...jwk }, index) => ({
      kid,
      x: jwk.x,
      signsFrom: Date.parse(signsFrom),
      validUntil: replacementTimeOf(keys, index) + lifeMs + marginMs,
      signingKey: await importJWK(jwk, 'EdDSA'),
      verificationKey: await importJWK({ kty: jwk.kty, crv: jwk.crv, x: jwk.x }, 'EdDSA'),
    })),
  )
}

/**
 * The keys that sign access tokens: the current one, the earlier ones as long as one of their
 * tokens can be valid, and perhaps the next one. They are read again each second, so that a
 * rotation by this process, another replica or the command needs no restart.
 */
export class SigningKeys {
  readonly #keyStore: KeyStore
  readonly #clock: Clock
  readonly #lifeMs: number
  readonly #listeners = new Set<() => void>()
  #text = ''
  #keys: readonly LoadedKey[] = []

  private constructor(keyStore: KeyStore, clock: Clock, lifeMs: number) {
    this.#keyStore = keyStore
    this.#clock = clock
    this.#lifeMs = lifeMs
  }

  /** Opens a key store and creates the first key in an empty one. */
  static async open(keyStore: KeyStore, clock: Clock, lifeMs: number): Promise<SigningKeys> {
    const keys = new SigningKeys(keyStore, clock, lifeMs)
    const now = clock.wall()
    if ((await keyStore.read()) === undefined)
      await rotateKeys(keyStore, { now, lifeMs, signsFrom: now, onlyIfNoneSince: 0 })
    await keys.refresh()
    return keys
  }

  /** Calls the listener after keys were added or removed. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async refresh(): Promise<void> {
    const text = await this.#keyStore.read()
    if (text === undefined || text === this.#text) return
    this.#keys = await importKeys(parseKeys(text), this.#lifeMs)
    this.#text = text
    for (const listener of this.#listeners) listener()
  }

  /** Creates the next key when the newest is close to the end of its interval. */
  async rotateIfDue(intervalMs: number): Promise<void> {
    const now = this.#clock.wall()
    const newest = this.#keys.at(-1)?.signsFrom ?? now
    const signsFrom = Math.max(newest + intervalMs, now + propagationMs)
    if (intervalMs === 0 || now < newest + intervalMs - Math.min(publishLeadMs, intervalMs / 2)) return
    await rotateKeys(this.#keyStore, { now, lifeMs: this.#lifeMs, signsFrom, onlyIfNoneSince: newest + 1 })
    await this.refresh()
  }

  /** The key that signs now. */
  get current(): LoadedKey {
    const now = this.#clock.wall()
    const key = this.#keys.findLast(({ signsFrom: from }) => from <= now) ?? this.#keys[0]
    if (!key) throw new Error('there is no signing key')
    return key
  }

  /** Returns a key by its id; undefined for an unknown or expired one. */
  find(kid: string | undefined): LoadedKey | undefined {
    const now = this.#clock.wall()
    return this.#keys.find((key) => key.kid === kid && now < key.validUntil)
  }

  /** Returns the key set of RFC 7517, for programs that verify tokens of this server. */
  toJwks(): { readonly keys: readonly JWK[] } {
    const now = this.#clock.wall()
    const valid = this.#keys.filter(({ validUntil: until }) => now < until)
    return {
      keys: valid.map(({ kid, x }) => ({ kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' })),
    }
  }
}
