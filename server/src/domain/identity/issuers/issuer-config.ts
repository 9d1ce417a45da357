import { readFileSync } from 'node:fs'
import { role, scope } from '@tony/mcp-shared/auth'
import { duration } from '@tony/mcp-shared/durations'
import { name } from '@tony/mcp-shared/ids'
import { defaultProject } from '@tony/mcp-shared/projects'
import type { JWTPayload } from 'jose'
import { z } from 'zod'
import { ConfigError } from '../../../config.ts'
import { ownIssuer } from '../tokens.ts'

/** Signatures with a key pair only. With a shared secret, every verifier could also sign. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'],
  ...['EdDSA', 'Ed25519'],
]

/**
 * Returns the algorithms that a token may name. RFC 9864 calls Ed25519 by that name and RFC 8037 by
 * `EdDSA`, and an issuer may change from one to the other.
 */
const withBothEd25519Names = (named: readonly string[]): string[] =>
  named.some((algorithm) => /^Ed/.test(algorithm)) ? [...new Set([...named, 'EdDSA', 'Ed25519'])] : [...named]

const loopbackUrlPattern = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\//

const secureUrl = z
  .url()
  .refine((url) => url.startsWith('https://') || loopbackUrlPattern.test(url), 'must be https://')

/**
 * A claim of the token and the value it must have, or that its list must contain. A `*` at the end
 * matches any text.
 */
const claimCondition = z.strictObject({
  /** The claim's name or the path to it: `["kubernetes.io", "namespace"]`. */
  claim: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  is: z
    .string()
    .min(1)
    .refine((text) => text !== '*', 'must not be * alone'),
})

const issuerRule = z.strictObject({
  /** All of these conditions must hold. */
  when: z.array(claimCondition).min(1),
  role,
  /**
   * Scopes as of a key: `agents:register` alone is an enrolment token. Default: all that the role
   * grants.
   */
  scopes: z.array(scope).min(1).default(['*']),
  /** Name of the project. */
  project: name.default(defaultProject),
})

const trustedIssuer = z
  .strictObject({
    /** The issuer's name within the names of its identities. */
    name: z.string().regex(/^[a-z0-9-]{1,32}$/),
    issuer: z
      .string()
      .min(1)
      .refine((iss) => iss !== ownIssuer, "is the issuer of this server's own tokens"),
    audience: z.string().min(1),
    algorithms: z.array(z.enum(algorithms)).min(1).transform(withBothEd25519Names),
    jwksUri: secureUrl.optional(),
    jwksFile: z.string().min(1).optional(),
    /** A file with a bearer token for `jwksUri`. */
    bearerFile: z.string().min(1).optional(),
    /** The interval at which the keys are read again. Calls do not change it. */
    refresh: duration.prefault('10m').refine((ms) => ms >= 10_000, 'must be at least 10s'),
    /** The longest lifetime of the issuer's tokens. */
    maxLife: duration.prefault('1d').refine((ms) => ms > 0, 'must be longer'),
    /** The first matching rule counts. A caller without a matching rule is refused. */
    rules: z.array(issuerRule).min(1),
  })
  .refine(
    ({ jwksUri, jwksFile }) => (jwksUri === undefined) !== (jwksFile === undefined),
    'needs one of jwksUri and jwksFile',
  )

export type TrustedIssuer = z.output<typeof trustedIssuer>
export type IssuerRule = TrustedIssuer['rules'][number]

const issuersFileSchema = z.strictObject({ issuers: z.array(trustedIssuer).min(1) })

/** Reads MCP_ISSUERS_FILE. Throws ConfigError. */
export function readIssuers(path: string | undefined): readonly TrustedIssuer[] {
  if (path === undefined) return []
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new ConfigError(`MCP_ISSUERS_FILE: ${path} cannot be read as JSON`, { cause })
  }
  const parsed = issuersFileSchema.safeParse(content)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new ConfigError(`MCP_ISSUERS_FILE: ${path}: ${problems.join('; ')}`)
  }
  const { issuers } = parsed.data
  if (new Set(issuers.map(({ issuer }) => issuer)).size < issuers.length)
    throw new ConfigError(`MCP_ISSUERS_FILE: ${path}: an issuer is listed twice`)
  return issuers
}

function claimValueAt(claims: JWTPayload, path: string | readonly string[]): unknown {
  let value: unknown = claims
  for (const step of typeof path === 'string' ? [path] : path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = Object.entries(value).find(([key]) => key === step)?.[1]
  }
  return value
}

const matchesPattern = (value: unknown, pattern: string): boolean =>
  typeof value === 'string' && (pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern)

/** Returns the first rule that matches these claims. */
export const findIssuerRule = (rules: readonly IssuerRule[], claims: JWTPayload): IssuerRule | undefined =>
  rules.find(({ when }) =>
    when.every(({ claim, is }) => {
      const value = claimValueAt(claims, claim)
      return Array.isArray(value) ? value.some((one) => matchesPattern(one, is)) : matchesPattern(value, is)
    }),
  )
