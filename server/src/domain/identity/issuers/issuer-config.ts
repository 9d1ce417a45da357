import { readFileSync } from 'node:fs'
import { role, scope } from '@tony/mcp-shared/auth'
import { duration } from '@tony/mcp-shared/durations'
import { name } from '@tony/mcp-shared/ids'
import { defaultProject } from '@tony/mcp-shared/projects'
import type { JWTPayload } from 'jose'
import { z } from 'zod'
import { ConfigError } from '../../../config.ts'
import { issuer as own } from '../tokens.ts'

/** Signatures with a key pair. What a shared secret signs, whoever verifies it could have signed. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const loopback = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\//

const address = z.url().refine((url) => url.startsWith('https://') || loopback.test(url), 'must be https://')

/** A claim of the token and what it must be, or for a list have in it. A `*` at the end stands for anything. */
const claimCondition = z.strictObject({
  /** Its name, or the way to it: `["kubernetes.io", "namespace"]`. */
  claim: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  is: z
    .string()
    .min(1)
    .refine((text) => text !== '*', 'must say more than *'),
})

const rule = z.strictObject({
  /** All must hold. */
  when: z.array(claimCondition).min(1),
  role,
  /** As for a key: `agents:register` alone is an enrolment token. Default: all that the role grants. */
  scopes: z.array(scope).min(1).default(['*']),
  /** Name of the project. */
  project: name.default(defaultProject),
})

const trustedIssuer = z
  .strictObject({
    /** What it is called in the names of its identities. */
    name: z.string().regex(/^[a-z0-9-]{1,32}$/),
    issuer: z
      .string()
      .min(1)
      .refine((iss) => iss !== own, 'is what this server calls itself'),
    audience: z.string().min(1),
    algorithms: z.array(z.enum(algorithms)).min(1),
    jwksUri: address.optional(),
    jwksFile: z.string().min(1).optional(),
    /** A file with a token that `jwksUri` wants to see. */
    bearerFile: z.string().min(1).optional(),
    /** How often the keys are read anew, whatever callers show. */
    refresh: duration.prefault('10m').refine((ms) => ms >= 10_000, 'must be at least 10s'),
    /** The longest a token of it may last. */
    maxLife: duration.prefault('1d').refine((ms) => ms > 0, 'must be longer'),
    /** The first that holds counts. Whom none fits is not let in. */
    rules: z.array(rule).min(1),
  })
  .refine(
    ({ jwksUri, jwksFile }) => (jwksUri === undefined) !== (jwksFile === undefined),
    'needs one of jwksUri and jwksFile',
  )

export type TrustedIssuer = z.output<typeof trustedIssuer>
export type IssuerRule = TrustedIssuer['rules'][number]

const issuersFile = z.strictObject({ issuers: z.array(trustedIssuer).min(1) })

/** What MCP_ISSUERS_FILE says. Throws ConfigError. */
export function readIssuers(path: string | undefined): readonly TrustedIssuer[] {
  if (path === undefined) return []
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new ConfigError(`MCP_ISSUERS_FILE: ${path} cannot be read as JSON`, { cause })
  }
  const parsed = issuersFile.safeParse(content)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new ConfigError(`MCP_ISSUERS_FILE: ${path}: ${problems.join('; ')}`)
  }
  const { issuers } = parsed.data
  if (new Set(issuers.map(({ issuer }) => issuer)).size < issuers.length)
    throw new ConfigError(`MCP_ISSUERS_FILE: ${path}: an issuer is there twice`)
  return issuers
}

function valueAt(claims: JWTPayload, path: string | readonly string[]): unknown {
  let value: unknown = claims
  for (const step of typeof path === 'string' ? [path] : path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = Object.entries(value).find(([key]) => key === step)?.[1]
  }
  return value
}

const matchesPattern = (value: unknown, pattern: string): boolean =>
  typeof value === 'string' && (pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern)

/** The rule for whoever has these claims. */
export const findRule = (rules: readonly IssuerRule[], claims: JWTPayload): IssuerRule | undefined =>
  rules.find(({ when }) =>
    when.every(({ claim, is }) => {
      const value = valueAt(claims, claim)
      return Array.isArray(value) ? value.some((one) => matchesPattern(one, is)) : matchesPattern(value, is)
    }),
  )
