import { createHash, generateKeyPairSync, type webcrypto } from 'node:crypto'
import { importJWK, type JWK } from 'jose'
import { z } from 'zod'
import { ConfigError } from '../../config.ts'
import type { Clock } from '../../platform/clock.ts'
import type { KeyChest } from './key-store.ts'

/** Beyond the life of the last token it signed, for clocks that disagree. */
const marginMs = 60_000

const dayMs = 86_400_000

/** A key is published so long before it signs, so that whoever keeps a copy of the public keys has it in time. */
export const leadMs = dayMs

/** Every replica has read the keys anew within this time. */
export const spreadMs = 5_000

const secretKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
  kid: z.string(),
  /** Since when it signs. */
  signsFrom: z.iso.datetime(),
})
type SecretKey = z.output<typeof secretKey>

const chestText = z.object({ keys: z.array(secretKey).min(1) })

/** The keys of a chest, the newest last. Throws ConfigError: with other keys every token would be refused. */
function parse(text: string): SecretKey[] {
  const unusable = 'the signing keys cannot be read: they are not { "keys": [ … ] } of Ed25519'
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ConfigError(unusable, { cause })
  }
  const { data } = chestText.safeParse(json)
  if (!data) throw new ConfigError(unusable)
  return data.keys.toSorted((a, b) => Date.parse(a.signsFrom) - Date.parse(b.signsFrom))
}

/** RFC 7638. */
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

/** When a key was replaced: the one after it signs since then. */
const replacedAt = (keys: readonly SecretKey[], index: number): number =>
  Date.parse(keys[index + 1]?.signsFrom ?? '') || Number.POSITIVE_INFINITY

/** Without those whose last token has ended. */
const living = (keys: readonly SecretKey[], now: number, lifeMs: number): SecretKey[] =>
  keys.filter((_, index) => now < replacedAt(keys, index) + lifeMs + marginMs)

export interface Rotation {
  readonly now: number
  /** How long tokens last. */
  readonly lifeMs: number
  /** From when on the new key signs. */
  readonly signsFrom: number
  /** End all others at once, with every token they signed. */
  readonly revoke?: boolean
  /** Only if no key signs from this time on or later: for those who rotate at the same moment. */
  readonly unlessSince?: number
}

/** Adds a key to a chest, and takes out those that are over. Returns what is in it then. */
export async function rotate(chest: KeyChest, rotation: Rotation): Promise<readonly PublicKey[]> {
  const { now, lifeMs, signsFrom, revoke = false, unlessSince = Number.POSITIVE_INFINITY } = rotation
  const text = await chest.change((before) => {
    const keys = before === undefined || revoke ? [] : parse(before)
    const kept = living(keys, now, lifeMs)
    const known = keys.some((key) => Date.parse(key.signsFrom) >= unlessSince)
    return JSON.stringify({ keys: known ? kept : [...kept, newKey(signsFrom)] })
  })
  return parse(text).map(openOf)
}

export interface PublicKey {
  readonly kid: string
  readonly x: string
  readonly signsFrom: string
}
const openOf = ({ kid, x, signsFrom }: SecretKey): PublicKey => ({ kid, x, signsFrom })

interface Ready {
  readonly kid: string
  readonly x: string
  readonly from: number
  readonly until: number
  readonly signWith: webcrypto.CryptoKey | Uint8Array
  readonly verifyWith: webcrypto.CryptoKey | Uint8Array
}

async function readied(keys: readonly SecretKey[], lifeMs: number): Promise<Ready[]> {
  return Promise.all(
    keys.map(async ({ signsFrom, kid, ...jwk }, index) => ({
      kid,
      x: jwk.x,
      from: Date.parse(signsFrom),
      until: replacedAt(keys, index) + lifeMs + marginMs,
      signWith: await importJWK(jwk, 'EdDSA'),
      verifyWith: await importJWK({ kty: jwk.kty, crv: jwk.crv, x: jwk.x }, 'EdDSA'),
    })),
  )
}

/**
 * The keys tokens are signed with: one that signs, those before it as long as a token of theirs can be good, and perhaps the
 * next. Read anew each second, so that a rotation, by this process, another replica or the command, needs no restart.
 */
export class SigningKeys {
  readonly #chest: KeyChest
  readonly #clock: Clock
  readonly #lifeMs: number
  readonly #listeners = new Set<() => void>()
  #text = ''
  #keys: readonly Ready[] = []

  private constructor(chest: KeyChest, clock: Clock, lifeMs: number) {
    this.#chest = chest
    this.#clock = clock
    this.#lifeMs = lifeMs
  }

  /** Makes the first key where there is none. */
  static async open(chest: KeyChest, clock: Clock, lifeMs: number): Promise<SigningKeys> {
    const keys = new SigningKeys(chest, clock, lifeMs)
    const now = clock.wall()
    if ((await chest.read()) === undefined) await rotate(chest, { now, lifeMs, signsFrom: now, unlessSince: 0 })
    await keys.refresh()
    return keys
  }

  /** Called when keys have come or gone. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async refresh(): Promise<void> {
    const text = await this.#chest.read()
    if (text === undefined || text === this.#text) return
    this.#keys = await readied(parse(text), this.#lifeMs)
    this.#text = text
    for (const listener of this.#listeners) listener()
  }

  /** Makes the next key, once the newest has signed for nearly so long. */
  async rotateEvery(everyMs: number): Promise<void> {
    const now = this.#clock.wall()
    const newest = this.#keys.at(-1)?.from ?? now
    const signsFrom = Math.max(newest + everyMs, now + spreadMs)
    if (everyMs === 0 || now < newest + everyMs - Math.min(leadMs, everyMs / 2)) return
    await rotate(this.#chest, { now, lifeMs: this.#lifeMs, signsFrom, unlessSince: newest + 1 })
    await this.refresh()
  }

  /** The one that signs now. */
  get current(): Ready {
    const now = this.#clock.wall()
    const key = this.#keys.findLast(({ from }) => from <= now) ?? this.#keys[0]
    if (!key) throw new Error('there is no signing key')
    return key
  }

  /** Undefined for a key that never was, or is over. */
  withId(kid: string | undefined): Ready | undefined {
    const now = this.#clock.wall()
    return this.#keys.find((key) => key.kid === kid && now < key.until)
  }

  /** RFC 7517, for whoever verifies tokens of this server. */
  published(): { readonly keys: readonly JWK[] } {
    const now = this.#clock.wall()
    const good = this.#keys.filter(({ until }) => now < until)
    return {
      keys: good.map(({ kid, x }) => ({ kty: 'OKP', crv: 'Ed25519', x, kid, use: 'sig', alg: 'EdDSA' })),
    }
  }
}
