import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Guarded } from './given.ts'

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const partsOf = (token: string) => {
  const [header = '', claims = ''] = token.split('.')
  const decode = (text: string): Record<string, unknown> => JSON.parse(Buffer.from(text, 'base64url').toString())
  return { header: decode(header), claims: decode(claims) }
}

const signed = (header: object, claims: object, key: KeyObject): string => {
  const text = `${encode(header)}.${encode(claims)}`
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
}

const publicOf = (key: KeyObject) => {
  const { kty = '', crv = '', x = '' } = createPublicKey(key).export({ format: 'jwk' })
  return { crv, kty, x }
}

/** The thumbprint of RFC 7638: the id that a server would give to this signing key. */
const thumbprintOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(JSON.stringify(publicOf(key)))
    .digest('base64url')

/** A credential in some state, and the code of its refusal. */
export interface State {
  readonly name: string
  readonly authorization: string | undefined
  readonly code: string
}

const none = 'UNAUTHENTICATED'

/**
 * Tokens with one fault each. All but the one about the signature have the server's own signature.
 */
async function forged(guarded: Guarded): Promise<State[]> {
  const { token, refreshToken } = await guarded.agent('forged')
  const [jwk] = JSON.parse(readFileSync(`${guarded.server.database}.key`, 'utf8')).keys
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const foreign = generateKeyPairSync('ed25519').privateKey
  const retired = generateKeyPairSync('ed25519').privateKey
  const retiredKid = thumbprintOf(retired)
  const { header, claims } = partsOf(token)
  const now = Math.floor(guarded.server.clock.wall() / 1_000)
  const hs = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`
  const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name))
  const tokens: Readonly<Record<string, string>> = {
    'a token of nobody': 'a.b.c',
    'a token without a signature': `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`,
    'a token signed with the public key as a password': `${hs}.${createHmac('sha256', String(jwk.x)).update(hs).digest('base64url')}`,
    'a token of another key': signed(header, claims, foreign),
    'a token of an unknown kid': signed({ ...header, kid: 'unknown' }, claims, key),
    'a token of a key that is retired': signed({ ...header, kid: retiredKid }, claims, retired),
    'a token of another key that has expired': signed(header, { ...claims, exp: now - 60 }, foreign),
    'a token that brings its own key': signed({ ...header, jwk: publicOf(foreign) }, claims, foreign),
    'a token whose role was changed': token.replace(/\.[^.]+\./, `.${encode({ ...claims, role: 'tech-lead' })}.`),
    'a token of another type': signed({ ...header, typ: 'JWT' }, claims, key),
    'a token of another issuer': signed(header, { ...claims, iss: 'other' }, key),
    'a token for another audience': signed(header, { ...claims, aud: 'other' }, key),
    'a token of tomorrow': signed(header, { ...claims, nbf: now + 86_400 }, key),
    'a token without jti': signed(header, without('jti'), key),
    'a token without sid': signed(header, without('sid'), key),
    'a token with a header that must be understood': signed({ ...header, crit: ['x'], x: 1 }, claims, key),
    'a refresh token': refreshToken,
  }
  const wrong = Object.entries(tokens).map(([name, shown]) => ({ name, authorization: `Bearer ${shown}`, code: none }))
  const old = signed(header, { ...claims, exp: now - 60 }, key)
  return [...wrong, { name: 'a token that has expired', authorization: `Bearer ${old}`, code: 'TOKEN_EXPIRED' }]
}

async function ended(guarded: Guarded): Promise<State[]> {
  const { admin } = guarded
  const [revoked, left, replaced] = [
    await guarded.agent('revoked'),
    await guarded.agent('left'),
    await guarded.agent('replaced'),
  ]
  await admin.auth.revoke({ agent: 'revoked' })
  await admin.agents.unregister({ agent: 'left' })
  await admin.agents.register({ name: 'replaced', type: 'qa', takeOver: true })
  const [good, gone] = [await guarded.key({ scopes: ['*'] }), await guarded.key({ scopes: ['*'] })]
  const elsewhere = await guarded.key({ scopes: ['*'], cidrs: ['203.0.113.0/24'] })
  await admin.auth.keys.revoke({ keyId: gone.keyId })
  const [old, spent] = [await guarded.key({ scopes: ['*'] }), await guarded.key({ scopes: ['*'], lifeMs: 60_000 })]
  await admin.auth.keys.rotate({ keyId: old.keyId, overlapMs: 0 })
  // Longer than the key lives, and shorter than the tokens of agents live.
  await guarded.server.advance(61_000)
  const mixed = good.key.replace(good.keyId, elsewhere.keyId)
  return [
    { name: 'a revoked session', authorization: `Bearer ${revoked.token}`, code: 'TOKEN_REVOKED' },
    { name: 'an unregistered agent', authorization: `Bearer ${left.token}`, code: 'TOKEN_REVOKED' },
    { name: 'a superseded incarnation', authorization: `Bearer ${replaced.token}`, code: 'STALE_INCARNATION' },
    { name: 'a revoked key', authorization: `Bearer ${gone.key}`, code: none },
    { name: 'a key from elsewhere', authorization: `Bearer ${elsewhere.key}`, code: none },
    { name: 'a key with a wrong checksum', authorization: `Bearer ${mixed}`, code: none },
    { name: 'a key that is over', authorization: `Bearer ${spent.key}`, code: none },
    { name: 'a secret that was replaced', authorization: `Bearer ${old.key}`, code: none },
    { name: 'the bootstrap token, used up', authorization: `Bearer ${guarded.bootstrap}`, code: none },
    { name: 'nothing', authorization: undefined, code: none },
    { name: 'an empty bearer', authorization: 'Bearer ', code: none },
    { name: 'another scheme', authorization: 'Basic dG9ueTp0b255', code: none },
    { name: 'something else', authorization: 'Bearer something-else', code: none },
  ]
}

/** Every kind of credential in a header that the server refuses. */
export const badStates = async (guarded: Guarded): Promise<State[]> => [
  ...(await forged(guarded)),
  ...(await ended(guarded)),
]
