import { createHash } from 'node:crypto'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import type { Clock } from '../../../platform/clock.ts'
import { hasErrorCode } from '../../../store/file-sync.ts'
import type { Principal } from '../../principal.ts'
import { invalidTokenError } from '../key-use.ts'
import { findIssuerRule, type IssuerRule, type TrustedIssuer } from './issuer-config.ts'
import { PublicKeys } from './public-keys.ts'

const cacheLimit = 10_000

/** A caller with a valid token of a trusted issuer, and the rule that applies to it. */
export interface ExternalIdentity {
  readonly issuer: TrustedIssuer
  readonly subject: string
  readonly rule: IssuerRule
  /** In milliseconds since 1970. */
  readonly expiresAt: number
}

interface IssuerEntry {
  readonly trusted: TrustedIssuer
  readonly keys: PublicKeys
}

/**
 * The issuers whose tokens this server accepts next to its own: a cluster's for its pods, a
 * company's for its staff.
 */
export class Issuers {
  readonly #clock: Clock
  readonly #byName: ReadonlyMap<string, IssuerEntry>
  readonly #cache = new Map<string, Principal>()

  constructor(trusted: readonly TrustedIssuer[], clock: Clock) {
    this.#clock = clock
    this.#byName = new Map(
      trusted.map((issuer) => [issuer.issuer, { trusted: issuer, keys: new PublicKeys(issuer, clock) }]),
    )
  }

  /** Reads the keys of the issuers that are due. Tries all of them, then throws if some failed. */
  async refresh(): Promise<void> {
    const outcomes = await Promise.allSettled([...this.#byName.values()].map(({ keys }) => keys.refresh()))
    if (outcomes.some((outcome) => outcome.status === 'fulfilled' && outcome.value)) this.#cache.clear()
    const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    if (failed.length > 0) throw new AggregateError(failed, 'the keys of some outside issuers could not be read')
  }

  /**
   * True if a token names a trusted issuer. That issuer's keys must then verify it, and it never
   * counts as a token of this server.
   */
  hasIssuerOf(token: string): boolean {
    if (this.#byName.size === 0) return false
    try {
      return this.#byName.has(decodeJwt(token).iss ?? '')
    } catch {
      return false
    }
  }

  /**
   * Returns the principal of a token. `toPrincipal` runs once for each token. Throws
   * UNAUTHENTICATED with one message for every fault before the signature is verified, and
   * TOKEN_EXPIRED and FORBIDDEN after.
   */
  async checkToken(token: string, toPrincipal: (identity: ExternalIdentity) => Promise<Principal>): Promise<Principal> {
    const hash = createHash('sha256').update(token).digest('base64url')
    const cached = this.#cache.get(hash)
    if (cached) return cached
    const principal = await toPrincipal(await this.#identify(token))
    if (this.#cache.size >= cacheLimit) this.#cache.clear()
    this.#cache.set(hash, principal)
    return principal
  }

  async #identify(token: string): Promise<ExternalIdentity> {
    const entry = this.#byName.get(decodeJwt(token).iss ?? '')
    const keySet = entry?.keys.set
    if (!entry || !keySet) throw invalidTokenError()
    const { trusted } = entry
    const { subject, expiresAt, claims } = await this.#verifySignature(token, keySet, trusted)
    const rule = findIssuerRule(trusted.rules, claims)
    if (!rule) throw new CoordinationError('FORBIDDEN', 'no rule of this server gives this identity a role')
    return { issuer: trusted, subject, rule, expiresAt }
  }

  async #verifySignature(token: string, keySet: NonNullable<PublicKeys['set']>, trusted: TrustedIssuer) {
    try {
      const { payload } = await jwtVerify(token, keySet, {
        algorithms: trusted.algorithms,
        issuer: trusted.issuer,
        audience: trusted.audience,
        requiredClaims: ['sub', 'iat', 'exp'],
        clockTolerance: 5,
        currentDate: new Date(this.#clock.wall()),
      })
      return checkClaims(payload, trusted.maxLife)
    } catch (cause) {
      const isExpired = hasErrorCode(cause, 'ERR_JWT_EXPIRED')
      throw isExpired
        ? new CoordinationError('TOKEN_EXPIRED', 'the token has expired: get another')
        : invalidTokenError()
    }
  }
}

function checkClaims(claims: JWTPayload, maxLifeMs: number) {
  const { sub: subject, iat, exp } = claims
  if (subject === undefined || subject === '' || iat === undefined || exp === undefined)
    throw new Error('claims are missing')
  if ((exp - iat) * 1_000 > maxLifeMs) throw new Error('it lasts too long')
  return { subject, expiresAt: exp * 1_000, claims }
}
