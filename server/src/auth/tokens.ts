import { createHash, generateKeyPairSync, randomBytes, type webcrypto } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { agentRole } from '@tony/mcp-shared/roles'
import { calculateJwkThumbprint, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../clock.ts'
import type { Principal } from '../principal.ts'
import { notValid } from '../sessions/key-use.ts'

const issuer = 'tony-mcp'
const audience = 'tony-mcp'

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

/** An access token, and for how long it is good. */
export interface Issued {
  readonly token: string
  /** In milliseconds since 1970. */
  readonly expiresAt: number
  readonly expiresInMs: number
}

interface Keys {
  /** RFC 7638 thumbprint of the public half. */
  readonly kid: string
  readonly signWith: webcrypto.CryptoKey | Uint8Array
  readonly verifyWith: webcrypto.CryptoKey | Uint8Array
}

/** Access tokens: JWTs of type `at+jwt`, signed with Ed25519. */
export class Tokens {
  readonly #clock: Clock
  readonly #lifeMs: number
  readonly #keys: Keys
  /** Verified tokens by hash: verifying a signature costs about 200 µs, this 2. */
  readonly #verified = new Map<string, Principal>()

  private constructor(clock: Clock, lifeMs: number, keys: Keys) {
    this.#clock = clock
    this.#lifeMs = lifeMs
    this.#keys = keys
  }

  static async open(keyFile: string, lifeMs: number, clock: Clock): Promise<Tokens> {
    const secret = readOrCreateKey(keyFile)
    const { d: _, ...open } = secret
    return new Tokens(clock, lifeMs, {
      kid: await calculateJwkThumbprint(open),
      signWith: await importJWK(secret, 'EdDSA'),
      verifyWith: await importJWK(open, 'EdDSA'),
    })
  }

  async issue(subject: Subject): Promise<Issued> {
    const now = Math.floor(this.#clock.wall() / 1_000)
    const expires = now + Math.floor(this.#lifeMs / 1_000)
    const token = await new SignJWT({
      sid: subject.sessionId,
      role: subject.role,
      name: subject.name,
      type: subject.type,
      capabilities: [...subject.capabilities],
      project: subject.project,
      incarnation: subject.incarnation,
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: this.#keys.kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(subject.agentId)
      .setJti(randomBytes(12).toString('base64url'))
      .setIssuedAt(now)
      .setExpirationTime(expires)
      .sign(this.#keys.signWith)
    return { token, expiresAt: expires * 1_000, expiresInMs: Math.max(0, expires * 1_000 - this.#clock.wall()) }
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
      const { payload, protectedHeader } = await jwtVerify(token, this.#keys.verifyWith, {
        algorithms: ['EdDSA'],
        typ: 'at+jwt',
        issuer,
        audience,
        clockTolerance: 5,
        currentDate: new Date(this.#clock.wall()),
      })
      if (protectedHeader.kid !== this.#keys.kid) throw new Error('signed with a key that is not ours')
      return toPrincipal(payload)
    } catch (cause) {
      const isExpired = cause instanceof Error && 'code' in cause && cause.code === 'ERR_JWT_EXPIRED'
      throw isExpired
        ? new CoordinationError('TOKEN_EXPIRED', 'the token has expired: refresh it, or register again')
        : notValid()
    }
  }
}

function toPrincipal(claims: JWTPayload): Principal {
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
    expiresAt: exp * 1_000,
  }
}
