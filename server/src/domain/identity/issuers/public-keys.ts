import { readFileSync } from 'node:fs'
import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose'
import { z } from 'zod'
import type { Clock } from '../../../platform/clock.ts'
import type { TrustedIssuer } from './issuer-config.ts'

const fetchTimeoutMs = 5_000
const maxBytes = 262_144

/** The shortest time between a failed attempt and the next one. */
const cooldownMs = 30_000

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) })

async function readLimitedBody(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw new Error(`more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * Fetches from the configured address only: it follows no redirect, and no content of a token
 * chooses the address.
 */
async function fetchKeySet(uri: string, bearerFile: string | undefined): Promise<string> {
  const bearer = bearerFile === undefined ? undefined : readFileSync(bearerFile, 'utf8').trim()
  const response = await fetch(uri, {
    redirect: 'error',
    signal: AbortSignal.timeout(fetchTimeoutMs),
    headers: {
      accept: 'application/jwk-set+json, application/json',
      ...(bearer && { authorization: `Bearer ${bearer}` }),
    },
  })
  if (!response.ok) throw new Error(`${uri} answers ${response.status}`)
  return readLimitedBody(response.body)
}

/**
 * The public keys of one issuer, read at the start and then only by the clock. A token with an
 * unknown key is refused and causes no fetch, or anyone could make this server send requests.
 */
export class PublicKeys {
  readonly #trusted: TrustedIssuer
  readonly #clock: Clock
  #text = ''
  #set: JWTVerifyGetKey | undefined
  #nextAt = 0

  constructor(trusted: TrustedIssuer, clock: Clock) {
    this.#trusted = trusted
    this.#clock = clock
  }

  /** Undefined until the first successful read. */
  get set(): JWTVerifyGetKey | undefined {
    return this.#set
  }

  /**
   * Reads the keys if they are due. Returns true if they have changed. Throws if the read fails,
   * and keeps the previous keys.
   */
  async refresh(): Promise<boolean> {
    const now = this.#clock.monotonic()
    if (now < this.#nextAt) return false
    const { jwksUri, jwksFile, bearerFile, refresh } = this.#trusted
    this.#nextAt = now + Math.min(cooldownMs, refresh)
    const text = jwksUri === undefined ? readFileSync(jwksFile ?? '', 'utf8') : await fetchKeySet(jwksUri, bearerFile)
    const set = createLocalJWKSet(keySetSchema.parse(JSON.parse(text)))
    this.#nextAt = now + refresh
    const changed = text !== this.#text
    this.#text = text
    this.#set = set
    return changed
  }
}
