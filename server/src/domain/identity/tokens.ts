import { createHash, randomBytes } from 'node:crypto'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { agentRole } from '@tony/mcp-shared/roles'
import { type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../../platform/clock.ts'
import { hasErrorCode } from '../../store/file-sync.ts'
import type { Principal } from '../principal.ts'
import { invalidTokenError } from './key-use.ts'
import type { SigningKeys } from './signing-keys.ts'

export const ownIssuer = 'tony-mcp'
const audience = 'tony-mcp'

const cacheLimit = 10_000

/** The claims of an access token about its agent. */
export interface TokenSubject {
  readonly agentId: string
  readonly name: string
  readonly type: string
  readonly role: Principal['role']
  readonly capabilities: readonly string[]
  readonly project: string
  readonly incarnation: number
  readonly sessionId: string
}

/** An access token and its expiry. */
export interface IssuedToken {
  readonly token: string
  /** In milliseconds since 1970. */
  readonly expiresAt: number
  readonly expiresInMs: number
}

/** Access tokens: JWTs of type `at+jwt`, signed with Ed25519. */
export class AccessTokens {
  readonly keys: SigningKeys
  readonly #clock: Clock
  readonly #lifeMs: number
  /** Verified tokens by hash: a verification of a signature costs about 200 µs, a lookup 2. */
  readonly #cache = new Map<string, Principal>()

  constructor(keys: SigningKeys, lifeMs: number, clock: Clock) {
    this.keys = keys
    this.#clock = clock
    this.#lifeMs = lifeMs
    keys.onChange(() => this.#cache.clear())
  }

  async issue(subject: TokenSubject): Promise<IssuedToken> {
    const now = Math.floor(this.#clock.wall() / 1_000)
    const expires = now + Math.floor(this.#lifeMs / 1_000)
    const { kid, signingKey: signWith } = this.keys.current
    const token = await new SignJWT({
      sid: subject.sessionId,
      role: subject.role,
      name: subject.name,
      type: subject.type,
      capabilities: [...subject.capabilities],
      project: subject.project,
      incarnation: subject.incarnation,
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
      .setIssuer(ownIssuer)
      .setAudience(audience)
      .setSubject(subject.agentId)
      .setJti(randomBytes(12).toString('base64url'))
      .setIssuedAt(now)
      .setExpirationTime(expires)
      .sign(signWith)
    return { token, expiresAt: expires * 1_000, expiresInMs: Math.max(0, expires * 1_000 - this.#clock.wall()) }
  }

  /**
   * Returns the principal of a token. Throws UNAUTHENTICATED with one message for every fault,
   * except TOKEN_EXPIRED for a token that is only too old.
   */
  async checkToken(token: string): Promise<Principal> {
    const hash = createHash('sha256').update(token).digest('base64url')
    const cached = this.#cache.get(hash)
    if (cached) return cached
    const principal = await this.#verifySignature(token)
    if (this.#cache.size >= cacheLimit) this.#cache.clear()
    this.#cache.set(hash, principal)
    return principal
  }

  /**
   * Throws UNAUTHENTICATED for a caller whose signing key was ended after its token was verified.
   */
  requireKnownKey({ signingKeyId: signedWith }: Principal): void {
    if (signedWith !== undefined && !this.keys.find(signedWith)) throw invalidTokenError()
  }

  #keyOf(kid: string | undefined) {
    const key = this.keys.find(kid)
    if (!key) throw new Error('signed with a key that is not ours')
    return key.verificationKey
  }

  async #verifySignature(token: string): Promise<Principal> {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, ({ kid }) => this.#keyOf(kid), {
        algorithms: ['EdDSA'],
        typ: 'at+jwt',
        issuer: ownIssuer,
        audience,
        clockTolerance: 5,
        currentDate: new Date(this.#clock.wall()),
      })
      return toPrincipal(payload, protectedHeader.kid)
    } catch (cause) {
      const isExpired = hasErrorCode(cause, 'ERR_JWT_EXPIRED')
      throw isExpired
        ? new CoordinationError('TOKEN_EXPIRED', 'the token has expired: refresh it, or register again')
        : invalidTokenError()
    }
  }
}

function toPrincipal(claims: JWTPayload, signedWith: string | undefined): Principal {
  const { sub, sid, jti, exp, project, incarnation, name, capabilities } = claims
  if (typeof sid !== 'string' || typeof jti !== 'string') throw new Error('claims are missing')
  if (typeof sub !== 'string' || typeof exp !== 'number' || typeof project !== 'string')
    throw new Error('claims are missing')
  if (typeof incarnation !== 'number' || typeof name !== 'string' || !Array.isArray(capabilities))
    throw new Error('claims are missing')
  return {
    subject: sub,
    project,
    role: agentRole.parse(claims['role']),
    capabilities: capabilities.filter((capability) => typeof capability === 'string'),
    agent: { id: sub, name, incarnation },
    sessionId: sid,
    ...(signedWith !== undefined && { signingKeyId: signedWith }),
    expiresAt: exp * 1_000,
  }
}
