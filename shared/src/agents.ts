import { z } from 'zod'
import { id, jsonObject, name, timestamp, word } from './ids.ts'
import { agentRole } from './roles.ts'

/**
 * `idle`: live, holds no lease. `active`: live, holds one or more. `draining`: finishes its leases
 * and takes no new ones. `offline`: no authenticated call for the agent timeout, 30 s by default.
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
  /** True while the agent gets no tasks and no messages, until it is resumed. */
  paused: z.boolean(),
  /** Number of registrations of this name. A new incarnation fences the previous one. */
  incarnation: z.int(),
  registeredAt: timestamp,
  lastActivityAt: timestamp,
  metadata: jsonObject,
})

export const agentRegisterInput = z.strictObject({
  name,
  /**
   * Kind of agent: `implementation`, `qa`, `security`, `documentation`, `tech-lead`, or any other
   * word.
   */
  type: word,
  /**
   * Default: derived from `type` (implementation → developer, qa → tester, …); `observer` for an
   * unknown type.
   */
  role: agentRole.optional(),
  /**
   * Skills of the agent, at most 64, default none. A task goes only to agents that have every
   * capability in its `requires`.
   */
  capabilities: z.array(word).max(64).default([]),
  metadata: jsonObject.default({}),
  /**
   * Secret of the client, 16–200 characters; the server keeps only a hash. Registering a known name
   * again with the same secret and the same credential gives the same agent a new incarnation. With
   * another secret the call fails with `AGENT_NAME_TAKEN`.
   */
  clientInstanceId: z.string().min(16).max(200).optional(),
  /** Refresh token of the last registration. It proves the identity if the instance id is lost. */
  refreshToken: z.string().min(1).max(200).optional(),
  /**
   * Takes the name over without such a proof, for an agent whose secrets are lost. Needs the role
   * tech-lead. Default `false`.
   */
  takeOver: z.boolean().default(false),
})

export const agentRegisterOutput = z.object({
  agentId: id,
  /** Bearer token for all later calls. */
  token: z.string(),
  refreshToken: z.string(),
  /** Expiry of `token`. Call `auth.refresh` with `refreshToken` before that. */
  expiresAt: timestamp,
  /** Remaining life of `token` in milliseconds, for clients whose clock may be wrong. */
  expiresInMs: z.int(),
  incarnation: z.int(),
  role: agentRole,
})

/** A figure of a report. Its upper limit keeps the sums of a summary finite. */
const sampleNumber = z.number().min(0).max(Number.MAX_SAFE_INTEGER)

/** An agent's report about itself. Every field is optional. */
export const healthSample = z.strictObject({
  requestsHandled: z.int().min(0).optional(),
  /** Mean response time, in milliseconds. */
  avgResponseTimeMs: sampleNumber.optional(),
  /** Share of failed requests, 0–1. */
  errorRate: z.number().min(0).max(1).optional(),
  /** Share of one core: 0–1, above 1 with several cores. */
  cpuUsage: sampleNumber.optional(),
  /** Resident memory, in bytes. */
  memoryUsage: sampleNumber.optional(),
})

/** A lease as a heartbeat lists it. */
export const heldLease = z.strictObject({ taskId: id, leaseToken: z.string().min(1).max(64) })

export const agentHeartbeatInput = z.strictObject({
  /**
   * Exactly the leases that the agent holds, at most 256, default none. Each is extended by its own
   * length. A lease of this incarnation that two heartbeats in a row do not list is released
   * without a failure, because the reply to its claim was lost.
   */
  leases: z.array(heldLease).max(256).default([]),
  health: healthSample.optional(),
})

export const agentHeartbeatOutput = z.object({
  extended: z.array(z.object({ taskId: id, leaseExpiresAt: timestamp })),
  /**
   * Listed leases that the agent no longer holds, with the reason. Stop the work on these tasks.
   */
  lost: z.array(z.object({ taskId: id, reason: z.enum(['cancelled', 'stale']) })),
  /**
   * `paused`: no new tasks and messages until the agent is resumed. `draining`: finish the leases
   * and leave.
   */
  state: z.enum(['running', 'paused', 'draining']),
})

/** Id or name of an agent, 1–128 characters. */
export const agentRef = z.string().min(1).max(128)

export const agentGetInput = z.strictObject({ agent: agentRef })
export const agentListInput = z.strictObject({
  status: agentStatus.optional(),
  type: word.optional(),
  capability: word.optional(),
  limit: z.int().min(1).max(1_000).default(500),
  /** `nextCursor` of the previous page. */
  cursor: agentRef.optional(),
})
/** Sorted by name. A page has at most 1 MiB of metadata, and `nextCursor` if there are more. */
export const agentListOutput = z.object({ agents: z.array(agent), nextCursor: z.string().nullable() })

/** Changes the given fields only. New capabilities apply from the next claim on. */
export const agentUpdateInput = z.strictObject({
  type: word.optional(),
  capabilities: z.array(word).max(64).optional(),
  metadata: jsonObject.optional(),
})

/**
 * Names the scope of a pause or a resume: exactly one of the three. A paused agent gets no tasks,
 * messages and requests; tasks of a paused epic are not claimed. Leases that are already held go
 * on.
 */
export const agentPauseInput = z
  .strictObject({
    agent: agentRef.optional(),
    epic: word.optional(),
    /** Every agent of the project, including later ones. */
    all: z.literal(true).optional(),
    reason: z.string().max(4_096).optional(),
  })
  .refine(
    ({ agent, epic, all }) => [agent, epic, all].filter((scope) => scope !== undefined).length === 1,
    'name exactly one of agent, epic and all',
  )
export const agentPauseOutput = z.object({
  scope: z.enum(['agent', 'epic', 'project']),
  /** Id of the agent or the project, or name of the epic. */
  subject: z.string(),
  paused: z.boolean(),
})

/**
 * Drains an agent: it finishes its leases and gets nothing new, until it registers again or is
 * resumed.
 */
export const agentDrainInput = z.strictObject({ agent: agentRef })

/** Without `agent` the caller unregisters itself. Another agent needs the role tech-lead. */
export const agentUnregisterInput = z.strictObject({ agent: agentRef.optional() })
export const agentUnregisterOutput = z.object({ agentId: id, releasedLeases: z.int() })
