import { z } from 'zod'
import { agentRef } from './agents.ts'
import { id, name, timestamp, word } from './ids.ts'
import { permissions } from './policy.ts'
import { roles } from './roles.ts'

/** Public part of an API key: the twelve characters after `tck_`. Not a secret. */
export const keyId = z.string().regex(/^[0-9A-Za-z]{12}$/)

export const role = z.enum(roles)

/**
 * What a key is good for: a permission, or `*` for everything its `roleCeiling` grants. `agents:register` needs no role: a
 * key with that scope alone is an enrolment token.
 */
export const scope = z.enum([...permissions, '*'])

const minuteMs = 60_000
const dayMs = 86_400_000

/** A session ends when it has not been refreshed for `idleMs`, and `absoluteMs` after its login in any case. In milliseconds. */
export const sessionLife = { idleMs: dayMs, absoluteMs: 30 * dayMs } as const

/** An address or a block of them: `10.0.0.0/8`, `2001:db8::/32`. */
export const cidr = z.union([z.cidrv4(), z.cidrv6()])

export const apiKey = z.object({
  keyId,
  /** What it is for, in its maker's words. */
  name: word,
  /** Id of the project its calls are in. */
  project: id,
  scopes: z.array(scope),
  /** The highest role it acts in, and the highest an agent can get that registers with it. */
  roleCeiling: role,
  /** How many agents may be registered with it; null for any number. */
  maxUses: z.int().nullable(),
  /** How many were. Registering the same agent again is no further use. */
  uses: z.int(),
  /** Where calls with it may come from; empty for anywhere. */
  cidrs: z.array(cidr),
  createdAt: timestamp,
  expiresAt: timestamp,
  /** To a minute. */
  lastUsedAt: timestamp.nullable(),
  /** Until when the secret before the last rotation is good too; null when there is none. */
  previousUntil: timestamp.nullable(),
  revokedAt: timestamp.nullable(),
})

export const keyCreateInput = z.strictObject({
  name: word,
  /** Name of the project its calls are in. Default: the caller's. */
  project: name.optional(),
  /** Default: an enrolment token. */
  scopes: z.array(scope).min(1).max(permissions.length).default(['agents:register']),
  /** Default `developer`. */
  roleCeiling: role.default('developer'),
  /** 1–1 000 000. Default: any number. */
  maxUses: z.int().min(1).max(1_000_000).optional(),
  /** How long it lasts, in milliseconds: a minute to a year, 90 days by default. */
  lifeMs: z
    .int()
    .min(minuteMs)
    .max(365 * dayMs)
    .default(90 * dayMs),
  /** Where calls with it may come from. At most 32; default: anywhere. */
  cidrs: z.array(cidr).max(32).default([]),
})

/** `key` is said this once; the server keeps no more than a hash of it. */
const withSecret = z.object({ ...apiKey.shape, key: z.string() })

export const keyCreateOutput = withSecret

export const keyListInput = z.strictObject({
  /** Those that are revoked or expired too. Default `false`. */
  all: z.boolean().default(false),
  limit: z.int().min(1).max(1_000).default(500),
})
/** The newest first. */
export const keyListOutput = z.object({ keys: z.array(apiKey) })

/** A new secret for the same key. The one before stays good for `overlapMs`: a day by default, 0 to 30 days. */
export const keyRotateInput = z.strictObject({
  keyId,
  overlapMs: z
    .int()
    .min(0)
    .max(30 * dayMs)
    .default(dayMs),
})
export const keyRotateOutput = withSecret

/** Ends the key, and every session of the agents that were registered with it. */
export const keyRevokeInput = z.strictObject({ keyId })
export const keyRevokeOutput = z.object({ keyId, revokedAt: timestamp, revokedSessions: z.int() })

export const authRefreshInput = z.strictObject({
  refreshToken: z.string().min(1).max(200),
  /**
   * Chosen by the client for this exchange, 16–128 characters. When the answer is lost, the same token with the same nonce
   * gets the same successor within 10 s. A token that comes again in any other way ends its session.
   */
  nonce: z.string().min(16).max(128),
})
export const authRefreshOutput = z.object({
  token: z.string(),
  /** The next one: the one that was shown is used up. */
  refreshToken: z.string(),
  expiresAt: timestamp,
  /** The same, from now on, in milliseconds. */
  expiresInMs: z.int(),
})

/** A newer access token of the same session: the socket goes on with it. Over HTTP it changes nothing. */
export const authRenewInput = z.strictObject({ token: z.string().min(1).max(8_192) })
export const authRenewOutput = z.object({ expiresAt: timestamp })

/**
 * What to end; the caller's own session when nothing is named. Another's session, or all those of an agent, needs the
 * role tech-lead; a key the role admin.
 */
export const authRevokeInput = z
  .strictObject({ sessionId: id.optional(), agent: agentRef.optional(), keyId: keyId.optional() })
  .refine(
    ({ sessionId, agent, keyId }) => [sessionId, agent, keyId].filter((given) => given !== undefined).length <= 1,
    'name at most one of sessionId, agent and keyId',
  )
export const authRevokeOutput = z.object({ revokedSessions: z.int() })

export const authWhoamiOutput = z.object({
  /** `developer`: a caller on the same machine in dev mode. */
  kind: z.enum(['agent', 'key', 'developer']),
  agentId: id.nullable(),
  name: z.string().nullable(),
  incarnation: z.int().nullable(),
  sessionId: id.nullable(),
  keyId: keyId.nullable(),
  role,
  permissions: z.array(z.enum(permissions)),
  capabilities: z.array(word),
  /** Id of the project. */
  project: id,
  /** When the token or the key ends; null for a developer. */
  expiresAt: timestamp.nullable(),
})

export const session = z.object({
  sessionId: id,
  agentId: id,
  name: z.string(),
  incarnation: z.int(),
  /** The key it began with; null where that was a developer in dev mode. */
  keyId: keyId.nullable(),
  createdAt: timestamp,
  lastRefreshedAt: timestamp,
  revokedAt: timestamp.nullable(),
})
export const sessionListInput = z.strictObject({
  agent: agentRef.optional(),
  /** Those that are revoked too. Default `false`. */
  all: z.boolean().default(false),
  limit: z.int().min(1).max(1_000).default(100),
})
/** The newest first. */
export const sessionListOutput = z.object({ sessions: z.array(session) })
