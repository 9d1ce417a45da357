import { createHash, createPrivateKey, generateKeyPairSync, hkdfSync, randomBytes, type webcrypto } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { agentRole } from '@tony/mcp-shared/roles'
import { importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../clock.ts'
import type { Principal } from '../principal.ts'

const issuer = 'tony-mcp'
const audience = 'tony-mcp'

/**
 * How long an access token lasts. A day, until tokens can be refreshed: a shorter life would only end agents in the middle
 * of their work.
 */
const lifeMs = 86_400_000

const cacheLimit = 10_000

/** What a token says of its agent. */
export interface Subject {
  readonly agentId: string
  readonly name: string
  readonly type: string
  readonly role: Principal['role']
  readonly capabilities: readonly string[]
  readonly project: string
  readonly incarnation: number
  readonly sessionId: string
}

/** The secret half of the signing key, in a file only its owner can read: it never enters the database or a backup. */
function readOrCreateKey(file: string): JWK {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519')
    writeFileSync(file, JSON.stringify(privateKey.export({ format: 'jwk' })), { mode: 0o600, flag: 'wx' })
  }
  chmodSync(file, 0o600)
  const jwk: JWK = JSON.parse(readFileSync(file, 'utf8'))
  return jwk
}

/** What stands before the 32 bytes of an Ed25519 key in PKCS #8. */
const ed25519Header = Buffer.from('302e020100300506032b657004220420', 'hex')

function keyFrom(secret: Uint8Array): JWK {
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'access tokens', 32))
  const key = createPrivateKey({ key: Buffer.concat([ed25519Header, seed]), format: 'der', type: 'pkcs8' })
  return key.export({ format: 'jwk' })
}

/** Access tokens: JWTs of type `at+jwt`, signed with Ed25519. */
export class Tokens {
  readonly #clock: Clock
  readonly #signWith: webcrypto.CryptoKey | Uint8Array
  readonly #verifyWith: webcrypto.CryptoKey | Uint8Array
  /** Verified tokens by hash: verifying a signature costs about 200 µs, this 2. */
  readonly #verified = new Map<string, Principal>()

  private constructor(
    clock: Clock,
    signWith: webcrypto.CryptoKey | Uint8Array,
    verifyWith: webcrypto.CryptoKey | Uint8Array,
  ) {
    this.#clock = clock
    this.#signWith = signWith
    this.#verifyWith = verifyWith
  }

  static async open(keyFile: string, clock: Clock): Promise<Tokens> {
    return Tokens.#of(readOrCreateKey(keyFile), clock)
  }

  /** With a key that whoever knows the secret of the store can make again. */
  static async derived(secret: Uint8Array, clock: Clock): Promise<Tokens> {
    return Tokens.#of(keyFrom(secret), clock)
  }

  static async #of(secret: JWK, clock: Clock): Promise<Tokens> {
    const { d: _, ...open } = secret
    return new Tokens(clock, await importJWK(secret, 'EdDSA'), await importJWK(open, 'EdDSA'))
  }

  async issue(subject: Subject): Promise<{ token: string; expiresAt: number }> {
    const now = Math.floor(this.#clock.wall() / 1_000)
    const expires = now + lifeMs / 1_000
    const token = await new SignJWT({
      sid: subject.sessionId,
      role: subject.role,
      name: subject.name,
      type: subject.type,
      capabilities: [...subject.capabilities],
      project: subject.project,
      incarnation: subject.incarnation,
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject.agentId)
      .setJti(randomBytes(12).toString('base64url'))
      .setIssuedAt(now)
      .setExpirationTime(expires)
      .sign(this.#signWith)
    return { token, expiresAt: expires * 1_000 }
  }

  /** Who a token speaks for. UNAUTHENTICATED with one message for whatever is wrong with it, TOKEN_EXPIRED when only too old. */
  async verify(token: string): Promise<Principal> {
    const hash = createHash('sha256').update(token).digest('base64url')
    const known = this.#verified.get(hash)
    if (known) return known
    const principal = await this.#verify(token)
    if (this.#verified.size >= cacheLimit) this.#verified.clear()
    this.#verified.set(hash, principal)
    return principal
  }

  async #verify(token: string): Promise<Principal> {
    try {
      const { payload } = await jwtVerify(token, this.#verifyWith, {
        algorithms: ['EdDSA'],
        typ: 'at+jwt',
        issuer,
        audience,
        clockTolerance: 5,
        currentDate: new Date(this.#clock.wall()),
      })
      return toPrincipal(payload)
    } catch (cause) {
      const expired = cause instanceof Error && 'code' in cause && cause.code === 'ERR_JWT_EXPIRED'
      throw expired
        ? new CoordinationError('TOKEN_EXPIRED', 'the token has expired: register again')
        : new CoordinationError('UNAUTHENTICATED', 'the token is not valid here')
    }
  }
}

function toPrincipal(claims: JWTPayload): Principal {
  const { sub, exp, project, incarnation, name, capabilities } = claims
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
    expiresAt: exp * 1_000,
  }
}

/** A secret nobody can guess: 256 bits. */
export const newSecret = (prefix: string): string => `${prefix}_${randomBytes(32).toString('base64url')}`

/** How a secret of 256 bits, or one its owner keeps, is stored. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('base64url')
