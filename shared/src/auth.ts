import { z } from 'zod'
import { agentRef } from './agents.ts'
import { id, name, timestamp, word } from './ids.ts'
import { permissions } from './policy.ts'
import { roles } from './roles.ts'

/** Public part of an API key: the twelve characters after `tck_`. It is not a secret. */
export const keyId = z.string().regex(/^[0-9A-Za-z]{12}$/)

export const role = z.enum(roles)

/**
 * A permission of a key, or `*` for all that its `roleCeiling` grants. `agents:register` needs no
 * role: a key with that scope alone is an enrolment token.
 */
export const scope = z.enum([...permissions, '*'])

const minuteMs = 60_000
const dayMs = 86_400_000

/**
 * Life of a session, in milliseconds. It ends after `idleMs` without a refresh, and at the latest
 * `absoluteMs` after its login.
 */
export const sessionLife = { idleMs: dayMs, absoluteMs: 30 * dayMs } as const

/** An address or a block of addresses: `10.0.0.0/8`, `2001:db8::/32`. */
export const cidr = z.union([z.cidrv4(), z.cidrv6()])

export const apiKey = z.object({
  keyId,
  /** Purpose of the key, in the words of its creator. */
  name: word,
  /** Id of the project of its calls. */
  project: id,
  scopes: z.array(scope),
  /** Highest role of its own calls, and of an agent that registers with it. */
  roleCeiling: role,
  /** Number of agents that may register with it; null means no limit. */
  maxUses: z.int().nullable(),
  /**
   * Number of agents that have registered with it. Registering the same agent again does not count.
   */
  uses: z.int(),
  /** Networks that calls with it may come from; empty means any. */
  cidrs: z.array(cidr),
  createdAt: timestamp,
  expiresAt: timestamp,
  /** Time of the last use, accurate to a minute; null before the first use. */
  lastUsedAt: timestamp.nullable(),
  /** Time until which the secret before the last rotation stays valid; null if there is none. */
  previousUntil: timestamp.nullable(),
  revokedAt: timestamp.nullable(),
})

export const keyCreateInput = z.strictObject({
  name: word,
  /** Name of the project of its calls. Default: the caller's project. */
  project: name.optional(),
  /** Default: `agents:register` alone, which makes an enrolment token. */
  scopes: z.array(scope).min(1).max(permissions.length).default(['agents:register']),
  /** Default `developer`. */
  roleCeiling: role.default('developer'),
  /** Number of agents that may register with it: 1–1 000 000. Default: no limit. */
  maxUses: z.int().min(1).max(1_000_000).optional(),
  /** Life of the key, in milliseconds: a minute to a year, default 90 days. */
  lifeMs: z
    .int()
    .min(minuteMs)
    .max(365 * dayMs)
    .default(90 * dayMs),
  /** Networks that calls with it may come from, at most 32. Default: any. */
  cidrs: z.array(cidr).max(32).default([]),
})

/** A key with its secret. `key` is returned only this once; the server keeps only a hash. */
const apiKeyWithSecret = z.object({ ...apiKey.shape, key: z.string() })

export const keyCreateOutput = apiKeyWithSecret

export const keyListInput = z.strictObject({
  /** Includes revoked and expired keys. Default `false`. */
  all: z.boolean().default(false),
  limit: z.int().min(1).max(1_000).default(500),
})
/** Newest first. */
export const keyListOutput = z.object({ keys: z.array(apiKey) })

/**
 * Gives the key a new secret. The previous one stays valid for `overlapMs`: 0 to 30 days, default
 * one day.
 */
export const keyRotateInput = z.strictObject({
  keyId,
  overlapMs: z
    .int()
    .min(0)
    .max(30 * dayMs)
    .default(dayMs),
})
export const keyRotateOutput = apiKeyWithSecret

/** Ends the key, and every session of the agents that registered with it. */
export const keyRevokeInput = z.strictObject({ keyId })
export const keyRevokeOutput = z.object({ keyId, revokedAt: timestamp, revokedSessions: z.int() })

export const authRefreshInput = z.strictObject({
  refreshToken: z.string().min(1).max(200),
  /**
   * Chosen by the client for this exchange, 16–128 characters. After a lost reply, the same token
   * with the same nonce returns the same successor within 10 s. Any other reuse of a token ends its
   * session.
   */
  nonce: z.string().min(16).max(128),
})
export const authRefreshOutput = z.object({
  token: z.string(),
  /** Next refresh token; the one in the call is used up. */
  refreshToken: z.string(),
  expiresAt: timestamp,
  /** Remaining life of `token`, in milliseconds. */
  expiresInMs: z.int(),
})

/**
 * Re-authenticates the caller's socket with a newer access token of the same session. Over HTTP it
 * has no effect.
 */
export const authRenewInput = z.strictObject({ token: z.string().min(1).max(8_192) })
export const authRenewOutput = z.object({ expiresAt: timestamp })

/**
 * Ends a session, all sessions of an agent, or a key; without an argument the caller's own session.
 * Sessions of another agent need the role tech-lead, a key needs the role admin.
 */
export const authRevokeInput = z
  .strictObject({ sessionId: id.optional(), agent: agentRef.optional(), keyId: keyId.optional() })
  .refine(
    ({ sessionId, agent, keyId }) => [sessionId, agent, keyId].filter((given) => given !== undefined).length <= 1,
    'name at most one of sessionId, agent and keyId',
  )
/**
 * The `reason` of a `session.revoked` event. `revoked`: a caller ended the session. `reuse`: a
 * refresh token of the session was used twice.
 */
export const sessionRevocationReason = z.enum(['revoked', 'reuse'])
export type SessionRevocationReason = z.output<typeof sessionRevocationReason>

export const authRevokeOutput = z.object({ revokedSessions: z.int() })

export const authWhoamiOutput = z.object({
  /** `developer`: a caller on the server's machine in dev mode. */
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
  /** Expiry of the token or the key; null for a developer. */
  expiresAt: timestamp.nullable(),
})

export const session = z.object({
  sessionId: id,
  agentId: id,
  name: z.string(),
  incarnation: z.int(),
  /** Key of the login; null if a developer in dev mode made it. */
  keyId: keyId.nullable(),
  createdAt: timestamp,
  lastRefreshedAt: timestamp,
  revokedAt: timestamp.nullable(),
})
export const sessionListInput = z.strictObject({
  agent: agentRef.optional(),
  /** Includes revoked sessions. Default `false`. */
  all: z.boolean().default(false),
  limit: z.int().min(1).max(1_000).default(100),
})
/** Newest first. */
export const sessionListOutput = z.object({ sessions: z.array(session) })
