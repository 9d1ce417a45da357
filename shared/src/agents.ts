import { z } from 'zod'
import { id, jsonObject, name, timestamp, word } from './ids.ts'
import { agentRole } from './roles.ts'

/**
 * `idle`: live, holds no lease. `active`: holds one or more. `draining`: finishes what it holds and takes nothing new.
 * `offline`: no sign of life for the agent timeout, 30 s by default.
 */
export const agentStatuses = ['idle', 'active', 'draining', 'offline'] as const
export const agentStatus = z.enum(agentStatuses)

export const agent = z.object({
  id,
  name,
  type: word,
  role: agentRole,
  capabilities: z.array(word),
  status: agentStatus,
  /** Nothing is handed to it until it is resumed: no task, no message. */
  paused: z.boolean(),
  /** How often the name has been registered. A new incarnation fences the one before. */
  incarnation: z.int(),
  registeredAt: timestamp,
  lastActivityAt: timestamp,
  metadata: jsonObject,
})

export const agentRegisterInput = z.strictObject({
  name,
  /** What the agent is: `implementation`, `qa`, `security`, `documentation`, `tech-lead`, or any word of your own. */
  type: word,
  /** Default: by type (implementation → developer, qa → tester, …), `observer` for a type that is not known. */
  role: agentRole.optional(),
  /** What the agent can do; a task that `requires` a capability goes only to its holders. At most 64. */
  capabilities: z.array(word).max(64).default([]),
  metadata: jsonObject.default({}),
  /**
   * A secret of the client's, 16–200 characters, kept hashed. Registering a known name again with the same one and the same
   * credential is the same agent in a new incarnation; with another it is `AGENT_NAME_TAKEN`.
   */
  clientInstanceId: z.string().min(16).max(200).optional(),
  /** The refresh token of the last registration: proof of identity where the instance id is lost. */
  refreshToken: z.string().min(1).max(200).optional(),
  /** Take the name over without such a proof: a tech lead may, where an agent's secrets are lost. Default `false`. */
  takeOver: z.boolean().default(false),
})

export const agentRegisterOutput = z.object({
  agentId: id,
  /** A bearer token for every later call. */
  token: z.string(),
  refreshToken: z.string(),
  /** When `token` ends. Exchange `refreshToken` for the next one before, by `auth.refresh`. */
  expiresAt: timestamp,
  /** The same, from now on, in milliseconds: for clients whose clock may be wrong. */
  expiresInMs: z.int(),
  incarnation: z.int(),
  role: agentRole,
})

/** What an agent reports of itself. */
export const healthSample = z.strictObject({
  requestsHandled: z.int().min(0).optional(),
  /** In milliseconds. */
  avgResponseTimeMs: z.number().min(0).optional(),
  /** 0–1. */
  errorRate: z.number().min(0).max(1).optional(),
  /** Share of one core: 0–1, above 1 with several. */
  cpuUsage: z.number().min(0).optional(),
  /** Resident memory, in bytes. */
  memoryUsage: z.number().min(0).optional(),
})

/** A lease as a heartbeat names it. */
export const heldLease = z.strictObject({ taskId: id, leaseToken: z.string().min(1).max(64) })

export const agentHeartbeatInput = z.strictObject({
  /**
   * Exactly the leases the agent holds, at most 256. Each is extended by its own length. A lease of this incarnation that
   * two beats in a row do not list is released without burning an attempt: its claim's reply was lost.
   */
  leases: z.array(heldLease).max(256).default([]),
  health: healthSample.optional(),
})

export const agentHeartbeatOutput = z.object({
  extended: z.array(z.object({ taskId: id, leaseExpiresAt: timestamp })),
  /** Leases that were listed and are no longer held, with the reason: stop that work. */
  lost: z.array(z.object({ taskId: id, reason: z.enum(['cancelled', 'stale']) })),
  /** `paused`: nothing new is handed out until it is resumed. `draining`: finish what is held and leave. */
  state: z.enum(['running', 'paused', 'draining']),
})

/** An agent by id or by name. */
export const agentRef = z.string().min(1).max(128)

export const agentGetInput = z.strictObject({ agent: agentRef })
export const agentListInput = z.strictObject({
  status: agentStatus.optional(),
  type: word.optional(),
  capability: word.optional(),
  limit: z.int().min(1).max(1_000).default(500),
})
export const agentListOutput = z.object({ agents: z.array(agent) })

/** Changes what is given and nothing else. A new list of capabilities counts from the next claim on. */
export const agentUpdateInput = z.strictObject({
  type: word.optional(),
  capabilities: z.array(word).max(64).optional(),
  metadata: jsonObject.optional(),
})

/**
 * Whom to pause or resume; exactly one of the three. Paused, an agent is handed no task, no message and no request; of a
 * paused epic no task is claimed. What is held already goes on.
 */
export const agentPauseInput = z
  .strictObject({
    agent: agentRef.optional(),
    epic: word.optional(),
    /** Every agent of the project, those that come later too. */
    all: z.literal(true).optional(),
    reason: z.string().max(4_096).optional(),
  })
  .refine(
    ({ agent, epic, all }) => [agent, epic, all].filter((scope) => scope !== undefined).length === 1,
    'name exactly one of agent, epic and all',
  )
export const agentPauseOutput = z.object({
  scope: z.enum(['agent', 'epic', 'project']),
  /** Id of the agent or the project, or the epic. */
  subject: z.string(),
  paused: z.boolean(),
})

/** The agent finishes what it holds and is given nothing new, until it registers again or is resumed. */
export const agentDrainInput = z.strictObject({ agent: agentRef })

/** Without `agent` the caller unregisters itself; naming another needs the role tech-lead. */
export const agentUnregisterInput = z.strictObject({ agent: agentRef.optional() })
export const agentUnregisterOutput = z.object({ agentId: id, releasedLeases: z.int() })
