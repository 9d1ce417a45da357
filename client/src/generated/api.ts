// Written by scripts/generate-client.ts from the router. Do not edit.
import type { CallOptions, Subscription, SubscribeOptions } from '../calls.ts'

export type AgentInfo = { id: string; name: string; type: string; role: "observer" | "tester" | "developer" | "tech-lead"; capabilities: readonly (string)[]; status: "idle" | "active" | "draining" | "offline"; paused: boolean; incarnation: number; registeredAt: string; lastActivityAt: string; metadata: Record<string, unknown> }

export type Delivery = { id: string; from: string | null; to: string; address: string | null; type: string; payload: unknown; priority: "critical" | "high" | "normal" | "low"; threadId: string | null; replyTo: string | null; correlationId: string | null; taskId: string | null; sentAt: string; expiresAt: string | null; attempt: number; maxDeliver: number; receipt: string; ackBy: string }

export type FeedEvent = { seq: number; at: string; type: "project.created" | "project.updated" | "project.paused" | "project.resumed" | "epic.paused" | "epic.resumed" | "agent.registered" | "agent.updated" | "agent.unregistered" | "agent.offline" | "agent.online" | "agent.paused" | "agent.resumed" | "agent.draining" | "plan.committed" | "plan.aborted" | "task.created" | "task.updated" | "task.unblocked" | "task.claimed" | "task.locked" | "task.progressed" | "task.submitted" | "task.rejected" | "task.completed" | "task.retried" | "task.released" | "task.expired" | "task.inputRequested" | "task.inputProvided" | "task.timedOut" | "task.failed" | "task.reopened" | "task.orphaned" | "task.adopted" | "task.cancelled" | "message.sent" | "message.acked" | "message.nacked" | "message.returned" | "message.expired" | "message.dead" | "message.redriven" | "message.purged" | "topic.subscribed" | "topic.unsubscribed" | "request.routed" | "request.replied" | "request.timedOut" | "checkpoint"; subject: string | null; actor: string | null; data: unknown }

export type LeasedTask = { id: string; externalId: string | null; type: string; epic: string | null; story: string | null; title: string | null; description: string | null; parentId: string | null; dependsOn: readonly (string)[]; onDependencyFailure: "block" | "fail"; requires: readonly (string)[]; locks: readonly (string)[]; assignedTo: string | null; priority: "critical" | "high" | "normal" | "low"; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; acceptance: "complete" | "verify"; attempt: number; failures: number; maxAttempts: number; notBefore: string | null; scheduleToStartMs: number | null; startToCloseMs: number; scheduleToCloseMs: number | null; timeoutAt: string | null; claimedBy: string | null; leaseExpiresAt: string; progress: { percent?: number | undefined; message?: string | undefined; details?: unknown | undefined } | null; result: unknown | null; artifacts: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[]; error: string | null; inputRequest: { question: string; options: readonly (string)[] | null; by: string; at: string; deadlineAt: string | null } | null; input: { question: string; answer: unknown; by: string | null; at: string } | null; review: { accept: boolean; note: string | null; by: string | null; at: string } | null; orphanResults: readonly ({ attempt: number; agentId: string; result: unknown | null; at: string })[]; revision: number; metadata: Record<string, unknown>; createdBy: string | null; createdAt: string; completedAt: string | null; leaseToken: string }

export type Project = { id: string; name: string; path: string | null; createdAt: string; pausedAt: string | null }

export type Task = { id: string; externalId: string | null; type: string; epic: string | null; story: string | null; title: string | null; description: string | null; parentId: string | null; dependsOn: readonly (string)[]; onDependencyFailure: "block" | "fail"; requires: readonly (string)[]; locks: readonly (string)[]; assignedTo: string | null; priority: "critical" | "high" | "normal" | "low"; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; acceptance: "complete" | "verify"; attempt: number; failures: number; maxAttempts: number; notBefore: string | null; scheduleToStartMs: number | null; startToCloseMs: number; scheduleToCloseMs: number | null; timeoutAt: string | null; claimedBy: string | null; leaseExpiresAt: string | null; progress: { percent?: number | undefined; message?: string | undefined; details?: unknown | undefined } | null; result: unknown | null; artifacts: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[]; error: string | null; inputRequest: { question: string; options: readonly (string)[] | null; by: string; at: string; deadlineAt: string | null } | null; input: { question: string; answer: unknown; by: string | null; at: string } | null; review: { accept: boolean; note: string | null; by: string | null; at: string } | null; orphanResults: readonly ({ attempt: number; agentId: string; result: unknown | null; at: string })[]; revision: number; metadata: Record<string, unknown>; createdBy: string | null; createdAt: string; completedAt: string | null }

/** Every procedure of the server, typed. */
export interface Api {
  readonly projects: {
    create(input: { name: string; path?: string | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<Project>
    list(input?: Record<string, never>, options?: CallOptions): Promise<{ projects: readonly (Project)[] }>
  }
  readonly agents: {
    register(input: { name: string; type: string; role?: "observer" | "tester" | "developer" | "tech-lead" | undefined; capabilities?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; clientInstanceId?: string | undefined; refreshToken?: string | undefined; takeOver?: boolean | undefined }, options?: CallOptions): Promise<{ agentId: string; token: string; refreshToken: string; expiresAt: string; incarnation: number; role: "observer" | "tester" | "developer" | "tech-lead" }>
    heartbeat(input?: { leases?: readonly ({ taskId: string; leaseToken: string })[] | undefined; health?: { requestsHandled?: number | undefined; avgResponseTimeMs?: number | undefined; errorRate?: number | undefined; cpuUsage?: number | undefined; memoryUsage?: number | undefined } | undefined }, options?: CallOptions): Promise<{ extended: readonly ({ taskId: string; leaseExpiresAt: string })[]; lost: readonly ({ taskId: string; reason: "cancelled" | "stale" })[]; state: "running" | "paused" | "draining" }>
    get(input: { agent: string }, options?: CallOptions): Promise<AgentInfo>
    list(input?: { status?: "idle" | "active" | "draining" | "offline" | undefined; type?: string | undefined; capability?: string | undefined; limit?: number | undefined }, options?: CallOptions): Promise<{ agents: readonly (AgentInfo)[] }>
    unregister(input?: { agent?: string | undefined }, options?: CallOptions): Promise<{ agentId: string; releasedLeases: number }>
  }
  readonly plans: {
    begin(input: { name: string; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ planId: string }>
    add(input: { planId: string; tasks: readonly ({ type: string; epic?: string | undefined; story?: string | undefined; title?: string | undefined; description?: string | undefined; dependsOn?: readonly (string)[] | undefined; requires?: readonly (string)[] | undefined; assignedTo?: string | undefined; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; maxAttempts?: number | undefined; notBefore?: string | undefined; onDependencyFailure?: "block" | "fail" | undefined; acceptance?: "complete" | "verify" | undefined; scheduleToStartMs?: number | undefined; startToCloseMs?: number | undefined; scheduleToCloseMs?: number | undefined; locks?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; externalId: string; parentId?: string | undefined; status?: "pending" | "completed" | "failed" | "cancelled" | undefined; [key: string]: unknown })[] }, options?: CallOptions): Promise<{ planId: string; staged: number }>
    commit(input: { planId: string; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ planId: string; created: number; updated: number; unchanged: number }>
  }
  readonly tasks: {
    create(input: { type: string; epic?: string | undefined; story?: string | undefined; title?: string | undefined; description?: string | undefined; parentId?: string | undefined; dependsOn?: readonly (string)[] | undefined; requires?: readonly (string)[] | undefined; assignedTo?: string | undefined; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; maxAttempts?: number | undefined; notBefore?: string | undefined; onDependencyFailure?: "block" | "fail" | undefined; acceptance?: "complete" | "verify" | undefined; scheduleToStartMs?: number | undefined; startToCloseMs?: number | undefined; scheduleToCloseMs?: number | undefined; locks?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; idempotencyKey?: string | undefined; [key: string]: unknown }, options?: CallOptions): Promise<Task>
    createMany(input: { tasks: readonly ({ type: string; epic?: string | undefined; story?: string | undefined; title?: string | undefined; description?: string | undefined; parentId?: string | undefined; dependsOn?: readonly (string)[] | undefined; requires?: readonly (string)[] | undefined; assignedTo?: string | undefined; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; maxAttempts?: number | undefined; notBefore?: string | undefined; onDependencyFailure?: "block" | "fail" | undefined; acceptance?: "complete" | "verify" | undefined; scheduleToStartMs?: number | undefined; startToCloseMs?: number | undefined; scheduleToCloseMs?: number | undefined; locks?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; key?: string | undefined; [key: string]: unknown })[]; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ tasks: readonly ({ id: string; key: string | null })[] }>
    claim(input?: { limit?: number | undefined; leaseMs?: number | undefined; waitMs?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ tasks: readonly (LeasedTask)[] }>
    next(input: { completed: { taskId: string; leaseToken: string; result?: unknown | undefined; artifacts?: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[] | undefined }; leaseMs?: number | undefined; waitMs?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ tasks: readonly (LeasedTask)[] }>
    work(input?: { slots?: number | undefined; leaseMs?: number | undefined; lastEventId?: string | undefined }, options?: SubscribeOptions): Subscription<LeasedTask>
    extend(input: { taskId: string; leaseToken: string; leaseMs?: number | undefined }, options?: CallOptions): Promise<{ taskId: string; leaseExpiresAt: string }>
    progress(input: { taskId: string; leaseToken: string; percent?: number | undefined; message?: string | undefined; details?: unknown | undefined; artifacts?: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[] | undefined }, options?: CallOptions): Promise<{ taskId: string; revision: number }>
    complete(input: { taskId: string; leaseToken: string; result?: unknown | undefined; artifacts?: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[] | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    fail(input: { taskId: string; leaseToken: string; error: string; retryable?: boolean | undefined; nextRetryDelayMs?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; retryAt: string | null }>
    release(input: { taskId: string; leaseToken: string; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled" }>
    cancel(input: { taskId: string; reason?: string | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    get(input: { taskId: string }, options?: CallOptions): Promise<Task>
    list(input?: { status?: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled" | "in-progress" | "input-required" | "in-review" | undefined; type?: string | undefined; epic?: string | undefined; story?: string | undefined; claimedBy?: string | undefined; parentId?: string | undefined; limit?: number | undefined; cursor?: string | undefined }, options?: CallOptions): Promise<{ tasks: readonly (Task)[]; nextCursor: string | null }>
    tree(input?: { taskId?: string | undefined; epic?: string | undefined; story?: string | undefined; depth?: number | undefined }, options?: CallOptions): Promise<{ nodes: readonly ({ id: string; parentId: string | null; depth: number; type: string; title: string | null; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; priority: "critical" | "high" | "normal" | "low" })[]; rollup: { total: number; byStatus: Record<string, number>; percentCompleted: number } | null; truncated: boolean }>
  }
  readonly messages: {
    send(input: { to: string; type: string; payload: unknown; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; threadId?: string | undefined; replyTo?: string | undefined; correlationId?: string | undefined; taskId?: string | undefined; ttlMs?: number | undefined; maxDeliver?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ id: string; recipients: readonly ({ agentId: string; messageId: string; status: "pending" | "dead" })[] }>
    inbox(input?: { maxAckPending?: number | undefined; ackWaitMs?: number | undefined; lastEventId?: string | undefined }, options?: SubscribeOptions): Subscription<Delivery>
    receive(input?: { limit?: number | undefined; waitMs?: number | undefined; maxAckPending?: number | undefined; ackWaitMs?: number | undefined }, options?: CallOptions): Promise<{ messages: readonly (Delivery)[] }>
    ack(input?: { messageId: string; receipt: string } | { acks: readonly ({ messageId: string; receipt: string })[] }, options?: CallOptions): Promise<{ messageId?: string | undefined; status?: "pending" | "delivered" | "acked" | "dead" | "expired" | undefined; results?: readonly ({ messageId: string; status: "pending" | "delivered" | "acked" | "dead" | "expired" | null; error: { code: "INVALID_INPUT" | "UNAUTHENTICATED" | "TOKEN_EXPIRED" | "TOKEN_REVOKED" | "STALE_INCARNATION" | "FORBIDDEN" | "NOT_FOUND" | "NO_AGENTS_AVAILABLE" | "METHOD_NOT_ALLOWED" | "AGENT_NAME_TAKEN" | "STALE_LEASE" | "STALE_RECEIPT" | "ILLEGAL_TRANSITION" | "REVISION_CONFLICT" | "IDEMPOTENCY_CONFLICT" | "DEPENDENCY_CYCLE" | "ALREADY_EXISTS" | "LOCK_CONFLICT" | "CURSOR_EXPIRED" | "CURSOR_AHEAD" | "PAYLOAD_TOO_LARGE" | "RATE_LIMITED" | "INBOX_FULL" | "CONSUMER_TOO_SLOW" | "INTERNAL" | "SHUTTING_DOWN" | "STORE_UNAVAILABLE" | "DEADLINE_EXCEEDED" | "STORAGE_FULL"; message: string } | null })[] | undefined }>
    nak(input: { messageId: string; receipt: string; delayMs?: number | undefined; error?: string | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ messageId: string; status: "pending" | "delivered" | "acked" | "dead" | "expired" }>
  }
  readonly events: {
    subscribe(input?: { cursor?: string | undefined; types?: readonly ("project.created" | "project.updated" | "project.paused" | "project.resumed" | "epic.paused" | "epic.resumed" | "agent.registered" | "agent.updated" | "agent.unregistered" | "agent.offline" | "agent.online" | "agent.paused" | "agent.resumed" | "agent.draining" | "plan.committed" | "plan.aborted" | "task.created" | "task.updated" | "task.unblocked" | "task.claimed" | "task.locked" | "task.progressed" | "task.submitted" | "task.rejected" | "task.completed" | "task.retried" | "task.released" | "task.expired" | "task.inputRequested" | "task.inputProvided" | "task.timedOut" | "task.failed" | "task.reopened" | "task.orphaned" | "task.adopted" | "task.cancelled" | "message.sent" | "message.acked" | "message.nacked" | "message.returned" | "message.expired" | "message.dead" | "message.redriven" | "message.purged" | "topic.subscribed" | "topic.unsubscribed" | "request.routed" | "request.replied" | "request.timedOut")[] | undefined; taskId?: string | undefined; agentId?: string | undefined; epic?: string | undefined; threadId?: string | undefined; lastEventId?: string | undefined }, options?: SubscribeOptions): Subscription<FeedEvent>
    list(input?: { cursor?: string | undefined; types?: readonly ("project.created" | "project.updated" | "project.paused" | "project.resumed" | "epic.paused" | "epic.resumed" | "agent.registered" | "agent.updated" | "agent.unregistered" | "agent.offline" | "agent.online" | "agent.paused" | "agent.resumed" | "agent.draining" | "plan.committed" | "plan.aborted" | "task.created" | "task.updated" | "task.unblocked" | "task.claimed" | "task.locked" | "task.progressed" | "task.submitted" | "task.rejected" | "task.completed" | "task.retried" | "task.released" | "task.expired" | "task.inputRequested" | "task.inputProvided" | "task.timedOut" | "task.failed" | "task.reopened" | "task.orphaned" | "task.adopted" | "task.cancelled" | "message.sent" | "message.acked" | "message.nacked" | "message.returned" | "message.expired" | "message.dead" | "message.redriven" | "message.purged" | "topic.subscribed" | "topic.unsubscribed" | "request.routed" | "request.replied" | "request.timedOut")[] | undefined; taskId?: string | undefined; agentId?: string | undefined; epic?: string | undefined; threadId?: string | undefined; limit?: number | undefined }, options?: CallOptions): Promise<{ events: readonly (FeedEvent)[]; cursor: string; more: boolean }>
  }
  readonly system: {
    info(input?: Record<string, never>, options?: CallOptions): Promise<{ name: "tony-mcp"; version: string; protocolVersion: string; mode: "dev" | "serve"; durability: "disk" | "process"; now: string; uptimeMs: number }>
    backup(input?: Record<string, never>, options?: CallOptions): Promise<{ path: string; bytes: number; sha256: string; createdAt: string; schema: number; epoch: string; seq: number }>
  }
}

/** What a client must know of a procedure to call it: its kind, and whether it may be repeated when a reply was lost. */
export const procedures = {
  'projects.create': { kind: 'mutation', repeat: 'keyed' },
  'projects.list': { kind: 'query', repeat: 'safe' },
  'agents.register': { kind: 'mutation', repeat: 'unsafe' },
  'agents.heartbeat': { kind: 'mutation', repeat: 'safe' },
  'agents.get': { kind: 'query', repeat: 'safe' },
  'agents.list': { kind: 'query', repeat: 'safe' },
  'agents.unregister': { kind: 'mutation', repeat: 'unsafe' },
  'plans.begin': { kind: 'mutation', repeat: 'keyed' },
  'plans.add': { kind: 'mutation', repeat: 'safe' },
  'plans.commit': { kind: 'mutation', repeat: 'keyed' },
  'tasks.create': { kind: 'mutation', repeat: 'keyed' },
  'tasks.createMany': { kind: 'mutation', repeat: 'keyed' },
  'tasks.claim': { kind: 'mutation', repeat: 'keyed' },
  'tasks.next': { kind: 'mutation', repeat: 'keyed' },
  'tasks.work': { kind: 'subscription', repeat: 'safe' },
  'tasks.extend': { kind: 'mutation', repeat: 'safe' },
  'tasks.progress': { kind: 'mutation', repeat: 'safe' },
  'tasks.complete': { kind: 'mutation', repeat: 'safe' },
  'tasks.fail': { kind: 'mutation', repeat: 'keyed' },
  'tasks.release': { kind: 'mutation', repeat: 'keyed' },
  'tasks.cancel': { kind: 'mutation', repeat: 'keyed' },
  'tasks.get': { kind: 'query', repeat: 'safe' },
  'tasks.list': { kind: 'query', repeat: 'safe' },
  'tasks.tree': { kind: 'query', repeat: 'safe' },
  'messages.send': { kind: 'mutation', repeat: 'keyed' },
  'messages.inbox': { kind: 'subscription', repeat: 'safe' },
  'messages.receive': { kind: 'mutation', repeat: 'unsafe' },
  'messages.ack': { kind: 'mutation', repeat: 'safe' },
  'messages.nak': { kind: 'mutation', repeat: 'keyed' },
  'events.subscribe': { kind: 'subscription', repeat: 'safe' },
  'events.list': { kind: 'query', repeat: 'safe' },
  'system.info': { kind: 'query', repeat: 'safe' },
  'system.backup': { kind: 'mutation', repeat: 'safe' },
} as const

/** Every error a server can answer with. */
export const errorPolicies = {
  INVALID_INPUT: { http: 400, retryable: false, applied: 'no' },
  UNAUTHENTICATED: { http: 401, retryable: false, applied: 'no' },
  TOKEN_EXPIRED: { http: 401, retryable: false, applied: 'no' },
  TOKEN_REVOKED: { http: 401, retryable: false, applied: 'no' },
  STALE_INCARNATION: { http: 401, retryable: false, applied: 'no' },
  FORBIDDEN: { http: 403, retryable: false, applied: 'no' },
  NOT_FOUND: { http: 404, retryable: false, applied: 'no' },
  NO_AGENTS_AVAILABLE: { http: 404, retryable: true, applied: 'no' },
  METHOD_NOT_ALLOWED: { http: 405, retryable: false, applied: 'no' },
  AGENT_NAME_TAKEN: { http: 409, retryable: false, applied: 'no' },
  STALE_LEASE: { http: 409, retryable: false, applied: 'no' },
  STALE_RECEIPT: { http: 409, retryable: false, applied: 'no' },
  ILLEGAL_TRANSITION: { http: 409, retryable: false, applied: 'no' },
  REVISION_CONFLICT: { http: 409, retryable: false, applied: 'no' },
  IDEMPOTENCY_CONFLICT: { http: 409, retryable: false, applied: 'no' },
  DEPENDENCY_CYCLE: { http: 409, retryable: false, applied: 'no' },
  ALREADY_EXISTS: { http: 409, retryable: false, applied: 'no' },
  LOCK_CONFLICT: { http: 409, retryable: true, applied: 'no' },
  CURSOR_EXPIRED: { http: 410, retryable: false, applied: 'no' },
  CURSOR_AHEAD: { http: 410, retryable: false, applied: 'no' },
  PAYLOAD_TOO_LARGE: { http: 413, retryable: false, applied: 'no' },
  RATE_LIMITED: { http: 429, retryable: true, applied: 'no' },
  INBOX_FULL: { http: 429, retryable: true, applied: 'no' },
  CONSUMER_TOO_SLOW: { http: 429, retryable: true, applied: 'no' },
  INTERNAL: { http: 500, retryable: true, applied: 'unknown' },
  SHUTTING_DOWN: { http: 503, retryable: true, applied: 'no' },
  STORE_UNAVAILABLE: { http: 503, retryable: true, applied: 'unknown' },
  DEADLINE_EXCEEDED: { http: 504, retryable: true, applied: 'unknown' },
  STORAGE_FULL: { http: 507, retryable: true, applied: 'no' },
} as const
