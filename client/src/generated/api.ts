// Written by scripts/generate-client.ts from the router. Do not edit.
import type { CallOptions, Subscription, SubscribeOptions } from '../api/calls.ts'

export type AgentInfo = { id: string; name: string; type: string; role: "observer" | "tester" | "developer" | "tech-lead"; capabilities: readonly (string)[]; status: "idle" | "active" | "draining" | "offline"; paused: boolean; incarnation: number; registeredAt: string; lastActivityAt: string; metadata: Record<string, unknown> }

export type DeadLetter = { id: string; from: string | null; to: string; address: string | null; bodyId: string | null; type: string; payload: unknown; priority: "critical" | "high" | "normal" | "low"; mode: "steer" | "boundary" | "turn_end" | "digest"; status: "pending" | "delivered" | "acked" | "dead" | "expired"; threadId: string | null; replyTo: string | null; correlationId: string | null; taskId: string | null; sentAt: string; expiresAt: string | null; deliveredAt: string | null; shownAt: string | null; endedAt: string | null; attempt: number; maxDeliver: number; redrives: number; lastError: string | null; failures: readonly ({ attempt: number; at: string; reason: "nak" | "term" | "ack_timeout" | "inbox_full"; error: string | null })[] }

export type Delivery = { id: string; from: string | null; to: string; address: string | null; type: string; payload: unknown; priority: "critical" | "high" | "normal" | "low"; mode: "steer" | "boundary" | "turn_end" | "digest"; threadId: string | null; replyTo: string | null; correlationId: string | null; taskId: string | null; sentAt: string; expiresAt: string | null; attempt: number; maxDeliver: number; redrives: number; receipt: string; ackBy: string }

export type FeedEvent = { seq: number; at: string; type: "project.created" | "project.updated" | "project.paused" | "project.resumed" | "epic.paused" | "epic.resumed" | "agent.registered" | "agent.updated" | "agent.unregistered" | "agent.offline" | "agent.online" | "agent.paused" | "agent.resumed" | "agent.draining" | "plan.committed" | "plan.aborted" | "task.created" | "task.updated" | "task.unblocked" | "task.claimed" | "task.locked" | "task.progressed" | "task.submitted" | "task.rejected" | "task.completed" | "task.retried" | "task.released" | "task.expired" | "task.input_requested" | "task.input_provided" | "task.timed_out" | "task.failed" | "task.reopened" | "task.orphaned" | "task.adopted" | "task.cancelled" | "message.sent" | "message.shown" | "message.acked" | "message.nacked" | "message.returned" | "message.expired" | "message.dead" | "message.redriven" | "message.purged" | "topic.subscribed" | "topic.unsubscribed" | "request.routed" | "request.replied" | "request.timed_out" | "key.created" | "key.rotated" | "key.revoked" | "session.revoked" | "checkpoint"; subject: string | null; actor: string | null; data: unknown }

export type LeasedTask = { id: string; externalId: string | null; type: string; epic: string | null; story: string | null; title: string | null; description: string | null; parentId: string | null; dependsOn: readonly (string)[]; onDependencyFailure: "block" | "fail"; requires: readonly (string)[]; locks: readonly (string)[]; assignedTo: string | null; priority: "critical" | "high" | "normal" | "low"; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; acceptance: "complete" | "verify"; attempt: number; failures: number; maxAttempts: number; notBefore: string | null; scheduleToStartMs: number | null; startToCloseMs: number; scheduleToCloseMs: number | null; timeoutAt: string | null; claimedBy: string | null; leaseExpiresAt: string; progress: { percent?: number | undefined; message?: string | undefined; details?: unknown | undefined } | null; result: unknown | null; artifacts: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[]; error: string | null; inputRequest: { question: string; options: readonly (string)[] | null; by: string; at: string; deadlineAt: string | null } | null; input: { question: string; answer: unknown; by: string | null; at: string } | null; review: { accept: boolean; note: string | null; by: string | null; at: string } | null; orphanResults: readonly ({ attempt: number; agentId: string; result: unknown | null; at: string })[]; revision: number; metadata: Record<string, unknown>; createdBy: string | null; createdAt: string; completedAt: string | null; leaseToken: string }

export type Message = { id: string; from: string | null; to: string; address: string | null; bodyId: string | null; type: string; payload: unknown; priority: "critical" | "high" | "normal" | "low"; mode: "steer" | "boundary" | "turn_end" | "digest"; status: "pending" | "delivered" | "acked" | "dead" | "expired"; threadId: string | null; replyTo: string | null; correlationId: string | null; taskId: string | null; sentAt: string; expiresAt: string | null; deliveredAt: string | null; shownAt: string | null; endedAt: string | null; attempt: number; maxDeliver: number; redrives: number; lastError: string | null }

export type Project = { id: string; name: string; path: string | null; createdAt: string; pausedAt: string | null }

export type Task = { id: string; externalId: string | null; type: string; epic: string | null; story: string | null; title: string | null; description: string | null; parentId: string | null; dependsOn: readonly (string)[]; onDependencyFailure: "block" | "fail"; requires: readonly (string)[]; locks: readonly (string)[]; assignedTo: string | null; priority: "critical" | "high" | "normal" | "low"; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; acceptance: "complete" | "verify"; attempt: number; failures: number; maxAttempts: number; notBefore: string | null; scheduleToStartMs: number | null; startToCloseMs: number; scheduleToCloseMs: number | null; timeoutAt: string | null; claimedBy: string | null; leaseExpiresAt: string | null; progress: { percent?: number | undefined; message?: string | undefined; details?: unknown | undefined } | null; result: unknown | null; artifacts: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[]; error: string | null; inputRequest: { question: string; options: readonly (string)[] | null; by: string; at: string; deadlineAt: string | null } | null; input: { question: string; answer: unknown; by: string | null; at: string } | null; review: { accept: boolean; note: string | null; by: string | null; at: string } | null; orphanResults: readonly ({ attempt: number; agentId: string; result: unknown | null; at: string })[]; revision: number; metadata: Record<string, unknown>; createdBy: string | null; createdAt: string; completedAt: string | null }

/** Every procedure of the server, typed. */
export interface Api {
  readonly projects: {
    create(input: { name: string; path?: string | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<Project>
    get(input?: { project?: string | undefined }, options?: CallOptions): Promise<{ id: string; name: string; path: string | null; createdAt: string; pausedAt: string | null; pools: Record<string, { size: number; held: number }>; pausedEpics: readonly (string)[]; tasks: { total: number; byStatus: Record<string, number>; percentCompleted: number }; epics: readonly ({ epic: string; tasks: { total: number; byStatus: Record<string, number>; percentCompleted: number } })[] }>
    list(input?: Record<string, never>, options?: CallOptions): Promise<{ projects: readonly (Project)[] }>
    pause(input?: { reason?: string | undefined }, options?: CallOptions): Promise<Project>
    resume(input?: { reason?: string | undefined }, options?: CallOptions): Promise<Project>
    setPools(input: { pools: Record<string, number | null> }, options?: CallOptions): Promise<{ id: string; name: string; path: string | null; createdAt: string; pausedAt: string | null; pools: Record<string, { size: number; held: number }>; pausedEpics: readonly (string)[]; tasks: { total: number; byStatus: Record<string, number>; percentCompleted: number }; epics: readonly ({ epic: string; tasks: { total: number; byStatus: Record<string, number>; percentCompleted: number } })[] }>
  }
  readonly agents: {
    register(input: { name: string; type: string; role?: "observer" | "tester" | "developer" | "tech-lead" | undefined; capabilities?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; clientInstanceId?: string | undefined; refreshToken?: string | undefined; takeOver?: boolean | undefined }, options?: CallOptions): Promise<{ agentId: string; token: string; refreshToken: string; expiresAt: string; expiresInMs: number; incarnation: number; role: "observer" | "tester" | "developer" | "tech-lead" }>
    heartbeat(input?: { leases?: readonly ({ taskId: string; leaseToken: string })[] | undefined; health?: { requestsHandled?: number | undefined; avgResponseTimeMs?: number | undefined; errorRate?: number | undefined; cpuUsage?: number | undefined; memoryUsage?: number | undefined } | undefined }, options?: CallOptions): Promise<{ extended: readonly ({ taskId: string; leaseExpiresAt: string })[]; lost: readonly ({ taskId: string; reason: "cancelled" | "stale" })[]; state: "running" | "paused" | "draining" }>
    get(input: { agent: string }, options?: CallOptions): Promise<AgentInfo>
    list(input?: { status?: "idle" | "active" | "draining" | "offline" | undefined; type?: string | undefined; capability?: string | undefined; limit?: number | undefined; cursor?: string | undefined }, options?: CallOptions): Promise<{ agents: readonly (AgentInfo)[]; nextCursor: string | null }>
    update(input?: { type?: string | undefined; capabilities?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined }, options?: CallOptions): Promise<AgentInfo>
    pause(input: { agent?: string | undefined; epic?: string | undefined; all?: true | undefined; reason?: string | undefined }, options?: CallOptions): Promise<{ scope: "agent" | "epic" | "project"; subject: string; paused: boolean }>
    resume(input: { agent?: string | undefined; epic?: string | undefined; all?: true | undefined; reason?: string | undefined }, options?: CallOptions): Promise<{ scope: "agent" | "epic" | "project"; subject: string; paused: boolean }>
    drain(input: { agent: string }, options?: CallOptions): Promise<AgentInfo>
    unregister(input?: { agent?: string | undefined }, options?: CallOptions): Promise<{ agentId: string; releasedLeases: number }>
  }
  readonly plans: {
    begin(input: { name: string; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ planId: string }>
    add(input: { planId: string; tasks: readonly ({ type: string; epic?: string | undefined; story?: string | undefined; title?: string | undefined; description?: string | undefined; dependsOn?: readonly (string)[] | undefined; requires?: readonly (string)[] | undefined; assignedTo?: string | undefined; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; maxAttempts?: number | undefined; notBefore?: string | undefined; onDependencyFailure?: "block" | "fail" | undefined; acceptance?: "complete" | "verify" | undefined; scheduleToStartMs?: number | undefined; startToCloseMs?: number | undefined; scheduleToCloseMs?: number | undefined; locks?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; externalId: string; parentId?: string | undefined; status?: "pending" | "completed" | "failed" | "cancelled" | undefined; [key: string]: unknown })[] }, options?: CallOptions): Promise<{ planId: string; staged: number }>
    commit(input: { planId: string; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ planId: string; created: number; updated: number; unchanged: number }>
    abort(input: { planId: string }, options?: CallOptions): Promise<{ planId: string; discarded: number }>
  }
  readonly tasks: {
    create(input: { type: string; epic?: string | undefined; story?: string | undefined; title?: string | undefined; description?: string | undefined; parentId?: string | undefined; dependsOn?: readonly (string)[] | undefined; requires?: readonly (string)[] | undefined; assignedTo?: string | undefined; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; maxAttempts?: number | undefined; notBefore?: string | undefined; onDependencyFailure?: "block" | "fail" | undefined; acceptance?: "complete" | "verify" | undefined; scheduleToStartMs?: number | undefined; startToCloseMs?: number | undefined; scheduleToCloseMs?: number | undefined; locks?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; idempotencyKey?: string | undefined; [key: string]: unknown }, options?: CallOptions): Promise<Task>
    createMany(input: { tasks: readonly ({ type: string; epic?: string | undefined; story?: string | undefined; title?: string | undefined; description?: string | undefined; parentId?: string | undefined; dependsOn?: readonly (string)[] | undefined; requires?: readonly (string)[] | undefined; assignedTo?: string | undefined; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; maxAttempts?: number | undefined; notBefore?: string | undefined; onDependencyFailure?: "block" | "fail" | undefined; acceptance?: "complete" | "verify" | undefined; scheduleToStartMs?: number | undefined; startToCloseMs?: number | undefined; scheduleToCloseMs?: number | undefined; locks?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; key?: string | undefined; [key: string]: unknown })[]; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ tasks: readonly ({ id: string; key: string | null })[] }>
    claim(input?: { limit?: number | undefined; leaseMs?: number | undefined; waitMs?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ tasks: readonly (LeasedTask)[] }>
    next(input: { completed: { taskId: string; leaseToken: string; result?: unknown | undefined; artifacts?: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[] | undefined }; leaseMs?: number | undefined; waitMs?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ tasks: readonly (LeasedTask)[] }>
    work(input?: { slots?: number | undefined; leaseMs?: number | undefined; lastEventId?: string | undefined }, options?: SubscribeOptions): Subscription<LeasedTask>
    extend(input: { taskId: string; leaseToken: string; leaseMs?: number | undefined }, options?: CallOptions): Promise<{ taskId: string; leaseExpiresAt: string }>
    lock(input: { taskId: string; leaseToken: string; locks: readonly (string)[] }, options?: CallOptions): Promise<{ taskId: string; locks: readonly (string)[] }>
    progress(input: { taskId: string; leaseToken: string; percent?: number | undefined; message?: string | undefined; details?: unknown | undefined; artifacts?: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[] | undefined }, options?: CallOptions): Promise<{ taskId: string; revision: number }>
    complete(input: { taskId: string; leaseToken: string; result?: unknown | undefined; artifacts?: readonly ({ name: string; uri: string; sha256?: string | undefined; bytes?: number | undefined; mediaType?: string | undefined })[] | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    fail(input: { taskId: string; leaseToken: string; error: string; retryable?: boolean | undefined; nextRetryDelayMs?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; retryAt: string | null }>
    release(input: { taskId: string; leaseToken: string; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled" }>
    cancel(input: { taskId: string; reason?: string | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    cancelMany(input: { filter: { taskIds?: readonly (string)[] | undefined; type?: string | undefined; epic?: string | undefined; story?: string | undefined; parentId?: string | undefined; assignedTo?: string | undefined; status?: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled" | "in-progress" | "input-required" | "in-review" | undefined }; reason?: string | undefined; limit?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskIds: readonly (string)[]; more: boolean }>
    retry(input: { taskId: string; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    retryMany(input: { filter: { taskIds?: readonly (string)[] | undefined; type?: string | undefined; epic?: string | undefined; story?: string | undefined; parentId?: string | undefined; assignedTo?: string | undefined; status?: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled" | "in-progress" | "input-required" | "in-review" | undefined }; limit?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskIds: readonly (string)[]; more: boolean }>
    requestInput(input: { taskId: string; leaseToken: string; question: string; options?: readonly (string)[] | undefined; deadlineMs?: number | undefined; defaultAnswer?: unknown | undefined; details?: unknown | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    provideInput(input: { taskId: string; answer: unknown; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    verify(input: { taskId: string; accept: boolean; note?: string | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    adopt(input: { taskId: string; attempt: number; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    update(input: { taskId: string; expectedRevision: number; title?: string | null | undefined; description?: string | null | undefined; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; assignedTo?: string | null | undefined; dependsOn?: readonly (string)[] | undefined; metadata?: Record<string, unknown> | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; revision: number }>
    get(input: { taskId: string }, options?: CallOptions): Promise<Task>
    list(input?: { status?: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled" | "in-progress" | "input-required" | "in-review" | undefined; type?: string | undefined; epic?: string | undefined; story?: string | undefined; claimedBy?: string | undefined; parentId?: string | undefined; limit?: number | undefined; cursor?: string | undefined }, options?: CallOptions): Promise<{ tasks: readonly (Task)[]; nextCursor: string | null }>
    tree(input: { taskId?: string | undefined; epic?: string | undefined; story?: string | undefined; depth?: number | undefined }, options?: CallOptions): Promise<{ nodes: readonly ({ id: string; parentId: string | null; depth: number; type: string; title: string | null; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; priority: "critical" | "high" | "normal" | "low" })[]; rollup: { total: number; byStatus: Record<string, number>; percentCompleted: number } | null; truncated: boolean }>
    explain(input: { taskId: string }, options?: CallOptions): Promise<{ taskId: string; status: "blocked" | "pending" | "in_progress" | "input_required" | "in_review" | "completed" | "failed" | "cancelled"; claimable: boolean; reasons: readonly ({ predicate: "ended" | "held" | "dependencies" | "input" | "review" | "not_before" | "lock" | "pool" | "project_paused" | "epic_paused" | "agent_paused" | "agent_draining" | "agent_offline" | "role" | "requires" | "assigned_to"; message: string })[]; agents: readonly ({ agentId: string; name: string; eligible: boolean; excludedBy: readonly ("ended" | "held" | "dependencies" | "input" | "review" | "not_before" | "lock" | "pool" | "project_paused" | "epic_paused" | "agent_paused" | "agent_draining" | "agent_offline" | "role" | "requires" | "assigned_to")[] })[]; truncated: boolean }>
  }
  readonly messages: {
    send(input: { to: string; type: string; payload: unknown; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; mode?: "steer" | "boundary" | "turn_end" | "digest" | undefined; threadId?: string | undefined; replyTo?: string | undefined; correlationId?: string | undefined; taskId?: string | undefined; ttlMs?: number | undefined; maxDeliver?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ id: string; recipients: readonly ({ agentId: string; messageId: string; status: "pending" | "dead" })[] }>
    sendMany(input: { messages: readonly ({ to: string; type: string; payload: unknown; priority?: "critical" | "high" | "normal" | "low" | "urgent" | "medium" | undefined; mode?: "steer" | "boundary" | "turn_end" | "digest" | undefined; threadId?: string | undefined; replyTo?: string | undefined; correlationId?: string | undefined; taskId?: string | undefined; ttlMs?: number | undefined; maxDeliver?: number | undefined })[]; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ results: readonly ({ sent: { id: string; recipients: readonly ({ agentId: string; messageId: string; status: "pending" | "dead" })[] } | null; error: { code: "INVALID_INPUT" | "UNAUTHENTICATED" | "TOKEN_EXPIRED" | "TOKEN_REVOKED" | "STALE_INCARNATION" | "FORBIDDEN" | "NOT_FOUND" | "NO_AGENTS_AVAILABLE" | "METHOD_NOT_ALLOWED" | "AGENT_NAME_TAKEN" | "STALE_LEASE" | "STALE_RECEIPT" | "ILLEGAL_TRANSITION" | "REVISION_CONFLICT" | "IDEMPOTENCY_CONFLICT" | "DEPENDENCY_CYCLE" | "ALREADY_EXISTS" | "LOCK_CONFLICT" | "CURSOR_EXPIRED" | "CURSOR_AHEAD" | "PAYLOAD_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "RATE_LIMITED" | "INBOX_FULL" | "CONSUMER_TOO_SLOW" | "INTERNAL" | "OVERLOADED" | "SHUTTING_DOWN" | "STORE_UNAVAILABLE" | "DEADLINE_EXCEEDED" | "STORAGE_FULL"; message: string } | null })[] }>
    inbox(input?: { maxAckPending?: number | undefined; ackWaitMs?: number | undefined; lastEventId?: string | undefined }, options?: SubscribeOptions): Subscription<Delivery>
    receive(input?: { limit?: number | undefined; waitMs?: number | undefined; upTo?: "steer" | "boundary" | "turn_end" | "digest" | undefined; maxBytes?: number | undefined; maxAckPending?: number | undefined; ackWaitMs?: number | undefined }, options?: CallOptions): Promise<{ messages: readonly (Delivery)[]; more: boolean }>
    ack(input: { messageId: string; receipt: string } | { acks: readonly ({ messageId: string; receipt: string })[] }, options?: CallOptions): Promise<{ messageId?: string | undefined; status?: "pending" | "delivered" | "acked" | "dead" | "expired" | undefined; results?: readonly ({ messageId: string; status: "pending" | "delivered" | "acked" | "dead" | "expired" | null; error: { code: "INVALID_INPUT" | "UNAUTHENTICATED" | "TOKEN_EXPIRED" | "TOKEN_REVOKED" | "STALE_INCARNATION" | "FORBIDDEN" | "NOT_FOUND" | "NO_AGENTS_AVAILABLE" | "METHOD_NOT_ALLOWED" | "AGENT_NAME_TAKEN" | "STALE_LEASE" | "STALE_RECEIPT" | "ILLEGAL_TRANSITION" | "REVISION_CONFLICT" | "IDEMPOTENCY_CONFLICT" | "DEPENDENCY_CYCLE" | "ALREADY_EXISTS" | "LOCK_CONFLICT" | "CURSOR_EXPIRED" | "CURSOR_AHEAD" | "PAYLOAD_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "RATE_LIMITED" | "INBOX_FULL" | "CONSUMER_TOO_SLOW" | "INTERNAL" | "OVERLOADED" | "SHUTTING_DOWN" | "STORE_UNAVAILABLE" | "DEADLINE_EXCEEDED" | "STORAGE_FULL"; message: string } | null })[] | undefined }>
    nak(input: { messageId: string; receipt: string; delayMs?: number | undefined; error?: string | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ messageId: string; status: "pending" | "delivered" | "acked" | "dead" | "expired" }>
    term(input: { messageId: string; receipt: string; error?: string | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ messageId: string; status: "pending" | "delivered" | "acked" | "dead" | "expired" }>
    inProgress(input: { messageId: string; receipt: string; ackWaitMs?: number | undefined; shown?: boolean | undefined }, options?: CallOptions): Promise<{ messageId: string; ackBy: string }>
    subscribe(input: { topic: string }, options?: CallOptions): Promise<{ topic: string; topics: readonly (string)[] }>
    unsubscribe(input: { topic: string }, options?: CallOptions): Promise<{ topic: string; topics: readonly (string)[] }>
    get(input: { messageId: string }, options?: CallOptions): Promise<Message>
    list(input?: { box?: "in" | "out" | undefined; agent?: string | undefined; status?: "pending" | "delivered" | "acked" | "dead" | "expired" | undefined; type?: string | undefined; taskId?: string | undefined; limit?: number | undefined; cursor?: string | undefined }, options?: CallOptions): Promise<{ messages: readonly (Message)[]; nextCursor: string | null }>
    thread(input: { threadId: string; limit?: number | undefined; cursor?: string | undefined }, options?: CallOptions): Promise<{ messages: readonly (Message)[]; nextCursor: string | null }>
    readonly deadLetters: {
      list(input?: { filter?: { messageIds?: readonly (string)[] | undefined; to?: string | undefined; from?: string | undefined; type?: string | undefined; before?: string | undefined } | undefined; limit?: number | undefined; cursor?: string | undefined }, options?: CallOptions): Promise<{ deadLetters: readonly (DeadLetter)[]; nextCursor: string | null }>
      redrive(input: { filter: { messageIds?: readonly (string)[] | undefined; to?: string | undefined; from?: string | undefined; type?: string | undefined; before?: string | undefined }; to?: string | undefined; limit?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ redriven: readonly (string)[]; refused: readonly ({ messageId: string; error: { code: "INVALID_INPUT" | "UNAUTHENTICATED" | "TOKEN_EXPIRED" | "TOKEN_REVOKED" | "STALE_INCARNATION" | "FORBIDDEN" | "NOT_FOUND" | "NO_AGENTS_AVAILABLE" | "METHOD_NOT_ALLOWED" | "AGENT_NAME_TAKEN" | "STALE_LEASE" | "STALE_RECEIPT" | "ILLEGAL_TRANSITION" | "REVISION_CONFLICT" | "IDEMPOTENCY_CONFLICT" | "DEPENDENCY_CYCLE" | "ALREADY_EXISTS" | "LOCK_CONFLICT" | "CURSOR_EXPIRED" | "CURSOR_AHEAD" | "PAYLOAD_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "RATE_LIMITED" | "INBOX_FULL" | "CONSUMER_TOO_SLOW" | "INTERNAL" | "OVERLOADED" | "SHUTTING_DOWN" | "STORE_UNAVAILABLE" | "DEADLINE_EXCEEDED" | "STORAGE_FULL"; message: string } })[]; more: boolean }>
      purge(input: { filter: { messageIds?: readonly (string)[] | undefined; to?: string | undefined; from?: string | undefined; type?: string | undefined; before?: string | undefined }; limit?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ purged: number; more: boolean }>
    }
  }
  readonly requests: {
    route(input: { method: string; params?: unknown | undefined; target?: string | undefined; timeoutMs?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ requestId: string; agentId: string; ok: boolean; result: unknown | null; error: { code: string; message: string } | null }>
    reply(input: { requestId: string; result?: unknown | undefined; error?: { code: string; message: string } | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ requestId: string; inTime: boolean }>
  }
  readonly events: {
    subscribe(input?: { cursor?: string | undefined; types?: readonly ("project.created" | "project.updated" | "project.paused" | "project.resumed" | "epic.paused" | "epic.resumed" | "agent.registered" | "agent.updated" | "agent.unregistered" | "agent.offline" | "agent.online" | "agent.paused" | "agent.resumed" | "agent.draining" | "plan.committed" | "plan.aborted" | "task.created" | "task.updated" | "task.unblocked" | "task.claimed" | "task.locked" | "task.progressed" | "task.submitted" | "task.rejected" | "task.completed" | "task.retried" | "task.released" | "task.expired" | "task.input_requested" | "task.input_provided" | "task.timed_out" | "task.failed" | "task.reopened" | "task.orphaned" | "task.adopted" | "task.cancelled" | "message.sent" | "message.shown" | "message.acked" | "message.nacked" | "message.returned" | "message.expired" | "message.dead" | "message.redriven" | "message.purged" | "topic.subscribed" | "topic.unsubscribed" | "request.routed" | "request.replied" | "request.timed_out" | "key.created" | "key.rotated" | "key.revoked" | "session.revoked")[] | undefined; taskId?: string | undefined; agentId?: string | undefined; epic?: string | undefined; threadId?: string | undefined; lastEventId?: string | undefined }, options?: SubscribeOptions): Subscription<FeedEvent>
    list(input?: { cursor?: string | undefined; types?: readonly ("project.created" | "project.updated" | "project.paused" | "project.resumed" | "epic.paused" | "epic.resumed" | "agent.registered" | "agent.updated" | "agent.unregistered" | "agent.offline" | "agent.online" | "agent.paused" | "agent.resumed" | "agent.draining" | "plan.committed" | "plan.aborted" | "task.created" | "task.updated" | "task.unblocked" | "task.claimed" | "task.locked" | "task.progressed" | "task.submitted" | "task.rejected" | "task.completed" | "task.retried" | "task.released" | "task.expired" | "task.input_requested" | "task.input_provided" | "task.timed_out" | "task.failed" | "task.reopened" | "task.orphaned" | "task.adopted" | "task.cancelled" | "message.sent" | "message.shown" | "message.acked" | "message.nacked" | "message.returned" | "message.expired" | "message.dead" | "message.redriven" | "message.purged" | "topic.subscribed" | "topic.unsubscribed" | "request.routed" | "request.replied" | "request.timed_out" | "key.created" | "key.rotated" | "key.revoked" | "session.revoked")[] | undefined; taskId?: string | undefined; agentId?: string | undefined; epic?: string | undefined; threadId?: string | undefined; limit?: number | undefined }, options?: CallOptions): Promise<{ events: readonly (FeedEvent)[]; cursor: string; more: boolean }>
  }
  readonly health: {
    report(input: { requestsHandled?: number | undefined; avgResponseTimeMs?: number | undefined; errorRate?: number | undefined; cpuUsage?: number | undefined; memoryUsage?: number | undefined; idempotencyKey?: string | undefined }, options?: CallOptions): Promise<{ agentId: string; at: string }>
    summary(input?: { windowMs?: number | undefined }, options?: CallOptions): Promise<{ status: "healthy" | "degraded" | "unhealthy"; agents: { total: number; byStatus: Record<string, number> }; metrics: { requestsHandled: number | null; avgResponseTimeMs: number | null; errorRate: number | null; cpuUsage: number | null; memoryUsage: number | null }; reports: readonly ({ at: string; requestsHandled: number | null; avgResponseTimeMs: number | null; errorRate: number | null; cpuUsage: number | null; memoryUsage: number | null; agentId: string; name: string })[] }>
    history(input: { agent: string; since?: string | undefined; until?: string | undefined; limit?: number | undefined }, options?: CallOptions): Promise<{ agentId: string; samples: readonly ({ at: string; requestsHandled: number | null; avgResponseTimeMs: number | null; errorRate: number | null; cpuUsage: number | null; memoryUsage: number | null })[] }>
  }
  readonly auth: {
    refresh(input: { refreshToken: string; nonce: string }, options?: CallOptions): Promise<{ token: string; refreshToken: string; expiresAt: string; expiresInMs: number }>
    renew(input: { token: string }, options?: CallOptions): Promise<{ expiresAt: string }>
    revoke(input?: { sessionId?: string | undefined; agent?: string | undefined; keyId?: string | undefined }, options?: CallOptions): Promise<{ revokedSessions: number }>
    whoami(input?: Record<string, never>, options?: CallOptions): Promise<{ kind: "agent" | "key" | "developer"; agentId: string | null; name: string | null; incarnation: number | null; sessionId: string | null; keyId: string | null; role: "observer" | "tester" | "developer" | "tech-lead" | "admin"; permissions: readonly ("projects:read" | "agents:read" | "agents:heartbeat" | "agents:update" | "agents:leave" | "tasks:read" | "events:read" | "messages:read" | "messages:receive" | "health:report" | "health:read" | "system:read" | "auth:self" | "tasks:verify" | "tasks:create" | "tasks:work" | "messages:send" | "requests:write" | "projects:run" | "agents:register" | "agents:run" | "agents:remove" | "plans:write" | "tasks:manage" | "tasks:cancel" | "dead_letters:write" | "sessions:read" | "sessions:revoke" | "audit:read" | "projects:write" | "keys:read" | "keys:write" | "system:backup")[]; capabilities: readonly (string)[]; project: string; expiresAt: string | null }>
    readonly keys: {
      create(input: { name: string; project?: string | undefined; scopes?: readonly ("projects:read" | "agents:read" | "agents:heartbeat" | "agents:update" | "agents:leave" | "tasks:read" | "events:read" | "messages:read" | "messages:receive" | "health:report" | "health:read" | "system:read" | "auth:self" | "tasks:verify" | "tasks:create" | "tasks:work" | "messages:send" | "requests:write" | "projects:run" | "agents:register" | "agents:run" | "agents:remove" | "plans:write" | "tasks:manage" | "tasks:cancel" | "dead_letters:write" | "sessions:read" | "sessions:revoke" | "audit:read" | "projects:write" | "keys:read" | "keys:write" | "system:backup" | "*")[] | undefined; roleCeiling?: "observer" | "tester" | "developer" | "tech-lead" | "admin" | undefined; maxUses?: number | undefined; lifeMs?: number | undefined; cidrs?: readonly (string)[] | undefined }, options?: CallOptions): Promise<{ keyId: string; name: string; project: string; scopes: readonly ("projects:read" | "agents:read" | "agents:heartbeat" | "agents:update" | "agents:leave" | "tasks:read" | "events:read" | "messages:read" | "messages:receive" | "health:report" | "health:read" | "system:read" | "auth:self" | "tasks:verify" | "tasks:create" | "tasks:work" | "messages:send" | "requests:write" | "projects:run" | "agents:register" | "agents:run" | "agents:remove" | "plans:write" | "tasks:manage" | "tasks:cancel" | "dead_letters:write" | "sessions:read" | "sessions:revoke" | "audit:read" | "projects:write" | "keys:read" | "keys:write" | "system:backup" | "*")[]; roleCeiling: "observer" | "tester" | "developer" | "tech-lead" | "admin"; maxUses: number | null; uses: number; cidrs: readonly (string)[]; createdAt: string; expiresAt: string; lastUsedAt: string | null; previousUntil: string | null; revokedAt: string | null; key: string }>
      list(input?: { all?: boolean | undefined; limit?: number | undefined }, options?: CallOptions): Promise<{ keys: readonly ({ keyId: string; name: string; project: string; scopes: readonly ("projects:read" | "agents:read" | "agents:heartbeat" | "agents:update" | "agents:leave" | "tasks:read" | "events:read" | "messages:read" | "messages:receive" | "health:report" | "health:read" | "system:read" | "auth:self" | "tasks:verify" | "tasks:create" | "tasks:work" | "messages:send" | "requests:write" | "projects:run" | "agents:register" | "agents:run" | "agents:remove" | "plans:write" | "tasks:manage" | "tasks:cancel" | "dead_letters:write" | "sessions:read" | "sessions:revoke" | "audit:read" | "projects:write" | "keys:read" | "keys:write" | "system:backup" | "*")[]; roleCeiling: "observer" | "tester" | "developer" | "tech-lead" | "admin"; maxUses: number | null; uses: number; cidrs: readonly (string)[]; createdAt: string; expiresAt: string; lastUsedAt: string | null; previousUntil: string | null; revokedAt: string | null })[] }>
      rotate(input: { keyId: string; overlapMs?: number | undefined }, options?: CallOptions): Promise<{ keyId: string; name: string; project: string; scopes: readonly ("projects:read" | "agents:read" | "agents:heartbeat" | "agents:update" | "agents:leave" | "tasks:read" | "events:read" | "messages:read" | "messages:receive" | "health:report" | "health:read" | "system:read" | "auth:self" | "tasks:verify" | "tasks:create" | "tasks:work" | "messages:send" | "requests:write" | "projects:run" | "agents:register" | "agents:run" | "agents:remove" | "plans:write" | "tasks:manage" | "tasks:cancel" | "dead_letters:write" | "sessions:read" | "sessions:revoke" | "audit:read" | "projects:write" | "keys:read" | "keys:write" | "system:backup" | "*")[]; roleCeiling: "observer" | "tester" | "developer" | "tech-lead" | "admin"; maxUses: number | null; uses: number; cidrs: readonly (string)[]; createdAt: string; expiresAt: string; lastUsedAt: string | null; previousUntil: string | null; revokedAt: string | null; key: string }>
      revoke(input: { keyId: string }, options?: CallOptions): Promise<{ keyId: string; revokedAt: string; revokedSessions: number }>
    }
    readonly sessions: {
      list(input?: { agent?: string | undefined; all?: boolean | undefined; limit?: number | undefined }, options?: CallOptions): Promise<{ sessions: readonly ({ sessionId: string; agentId: string; name: string; incarnation: number; keyId: string | null; createdAt: string; lastRefreshedAt: string; revokedAt: string | null })[] }>
    }
  }
  readonly audit: {
    list(input?: { of?: "mutations" | "denials" | undefined; cursor?: string | undefined; sessionId?: string | undefined; agentId?: string | undefined; requestId?: string | undefined; limit?: number | undefined }, options?: CallOptions): Promise<{ mutations: readonly ({ seq: number; at: string; type: "project.created" | "project.updated" | "project.paused" | "project.resumed" | "epic.paused" | "epic.resumed" | "agent.registered" | "agent.updated" | "agent.unregistered" | "agent.offline" | "agent.online" | "agent.paused" | "agent.resumed" | "agent.draining" | "plan.committed" | "plan.aborted" | "task.created" | "task.updated" | "task.unblocked" | "task.claimed" | "task.locked" | "task.progressed" | "task.submitted" | "task.rejected" | "task.completed" | "task.retried" | "task.released" | "task.expired" | "task.input_requested" | "task.input_provided" | "task.timed_out" | "task.failed" | "task.reopened" | "task.orphaned" | "task.adopted" | "task.cancelled" | "message.sent" | "message.shown" | "message.acked" | "message.nacked" | "message.returned" | "message.expired" | "message.dead" | "message.redriven" | "message.purged" | "topic.subscribed" | "topic.unsubscribed" | "request.routed" | "request.replied" | "request.timed_out" | "key.created" | "key.rotated" | "key.revoked" | "session.revoked" | "checkpoint"; subject: string | null; actor: string | null; data: unknown; sessionId: string | null; keyId: string | null; requestId: string })[]; denials: readonly ({ at: string; subject: string | null; path: string; code: "INVALID_INPUT" | "UNAUTHENTICATED" | "TOKEN_EXPIRED" | "TOKEN_REVOKED" | "STALE_INCARNATION" | "FORBIDDEN" | "NOT_FOUND" | "NO_AGENTS_AVAILABLE" | "METHOD_NOT_ALLOWED" | "AGENT_NAME_TAKEN" | "STALE_LEASE" | "STALE_RECEIPT" | "ILLEGAL_TRANSITION" | "REVISION_CONFLICT" | "IDEMPOTENCY_CONFLICT" | "DEPENDENCY_CYCLE" | "ALREADY_EXISTS" | "LOCK_CONFLICT" | "CURSOR_EXPIRED" | "CURSOR_AHEAD" | "PAYLOAD_TOO_LARGE" | "UNSUPPORTED_MEDIA_TYPE" | "RATE_LIMITED" | "INBOX_FULL" | "CONSUMER_TOO_SLOW" | "INTERNAL" | "OVERLOADED" | "SHUTTING_DOWN" | "STORE_UNAVAILABLE" | "DEADLINE_EXCEEDED" | "STORAGE_FULL"; address: string | null; requestId: string; count: number })[]; cursor: string; more: boolean }>
  }
  readonly system: {
    info(input?: Record<string, never>, options?: CallOptions): Promise<{ name: "tony-mcp"; version: string; protocolVersion: string; mode: "dev" | "serve"; durability: "disk" | "process"; now: string; uptimeMs: number }>
    metrics(input?: Record<string, never>, options?: CallOptions): Promise<{ tasks: { total: number; byStatus: Record<string, number>; percentCompleted: number }; messages: { accepted: number; pending: number; delivered: number; acked: number; dead: number; expired: number; purged: number }; agents: { total: number; byStatus: Record<string, number> }; events: number }>
    backup(input?: Record<string, never>, options?: CallOptions): Promise<{ path: string; bytes: number; sha256: string; createdAt: string; schema: number; epoch: string; seq: number }>
  }
}

/** The kind of each procedure, and if its calls may be repeated after a lost reply. */
export const procedures = {
  'projects.create': { kind: 'mutation', repeat: 'keyed' },
  'projects.get': { kind: 'query', repeat: 'safe' },
  'projects.list': { kind: 'query', repeat: 'safe' },
  'projects.pause': { kind: 'mutation', repeat: 'safe' },
  'projects.resume': { kind: 'mutation', repeat: 'safe' },
  'projects.setPools': { kind: 'mutation', repeat: 'safe' },
  'agents.register': { kind: 'mutation', repeat: 'unsafe' },
  'agents.heartbeat': { kind: 'mutation', repeat: 'safe' },
  'agents.get': { kind: 'query', repeat: 'safe' },
  'agents.list': { kind: 'query', repeat: 'safe' },
  'agents.update': { kind: 'mutation', repeat: 'safe' },
  'agents.pause': { kind: 'mutation', repeat: 'safe' },
  'agents.resume': { kind: 'mutation', repeat: 'safe' },
  'agents.drain': { kind: 'mutation', repeat: 'safe' },
  'agents.unregister': { kind: 'mutation', repeat: 'unsafe' },
  'plans.begin': { kind: 'mutation', repeat: 'keyed' },
  'plans.add': { kind: 'mutation', repeat: 'safe' },
  'plans.commit': { kind: 'mutation', repeat: 'keyed' },
  'plans.abort': { kind: 'mutation', repeat: 'safe' },
  'tasks.create': { kind: 'mutation', repeat: 'keyed' },
  'tasks.createMany': { kind: 'mutation', repeat: 'keyed' },
  'tasks.claim': { kind: 'mutation', repeat: 'keyed' },
  'tasks.next': { kind: 'mutation', repeat: 'keyed' },
  'tasks.work': { kind: 'subscription', repeat: 'safe' },
  'tasks.extend': { kind: 'mutation', repeat: 'safe' },
  'tasks.lock': { kind: 'mutation', repeat: 'safe' },
  'tasks.progress': { kind: 'mutation', repeat: 'safe' },
  'tasks.complete': { kind: 'mutation', repeat: 'safe' },
  'tasks.fail': { kind: 'mutation', repeat: 'keyed' },
  'tasks.release': { kind: 'mutation', repeat: 'keyed' },
  'tasks.cancel': { kind: 'mutation', repeat: 'keyed' },
  'tasks.cancelMany': { kind: 'mutation', repeat: 'keyed' },
  'tasks.retry': { kind: 'mutation', repeat: 'keyed' },
  'tasks.retryMany': { kind: 'mutation', repeat: 'keyed' },
  'tasks.requestInput': { kind: 'mutation', repeat: 'keyed' },
  'tasks.provideInput': { kind: 'mutation', repeat: 'keyed' },
  'tasks.verify': { kind: 'mutation', repeat: 'keyed' },
  'tasks.adopt': { kind: 'mutation', repeat: 'keyed' },
  'tasks.update': { kind: 'mutation', repeat: 'keyed' },
  'tasks.get': { kind: 'query', repeat: 'safe' },
  'tasks.list': { kind: 'query', repeat: 'safe' },
  'tasks.tree': { kind: 'query', repeat: 'safe' },
  'tasks.explain': { kind: 'query', repeat: 'safe' },
  'messages.send': { kind: 'mutation', repeat: 'keyed' },
  'messages.sendMany': { kind: 'mutation', repeat: 'keyed' },
  'messages.inbox': { kind: 'subscription', repeat: 'safe' },
  'messages.receive': { kind: 'mutation', repeat: 'safe' },
  'messages.ack': { kind: 'mutation', repeat: 'safe' },
  'messages.nak': { kind: 'mutation', repeat: 'keyed' },
  'messages.term': { kind: 'mutation', repeat: 'keyed' },
  'messages.inProgress': { kind: 'mutation', repeat: 'safe' },
  'messages.subscribe': { kind: 'mutation', repeat: 'safe' },
  'messages.unsubscribe': { kind: 'mutation', repeat: 'safe' },
  'messages.get': { kind: 'query', repeat: 'safe' },
  'messages.list': { kind: 'query', repeat: 'safe' },
  'messages.thread': { kind: 'query', repeat: 'safe' },
  'messages.deadLetters.list': { kind: 'query', repeat: 'safe' },
  'messages.deadLetters.redrive': { kind: 'mutation', repeat: 'keyed' },
  'messages.deadLetters.purge': { kind: 'mutation', repeat: 'keyed' },
  'requests.route': { kind: 'mutation', repeat: 'keyed', waits: { field: 'timeoutMs', byDefault: 30000 } },
  'requests.reply': { kind: 'mutation', repeat: 'keyed' },
  'events.subscribe': { kind: 'subscription', repeat: 'safe' },
  'events.list': { kind: 'query', repeat: 'safe' },
  'health.report': { kind: 'mutation', repeat: 'keyed' },
  'health.summary': { kind: 'query', repeat: 'safe' },
  'health.history': { kind: 'query', repeat: 'safe' },
  'auth.refresh': { kind: 'mutation', repeat: 'safe' },
  'auth.renew': { kind: 'mutation', repeat: 'safe' },
  'auth.revoke': { kind: 'mutation', repeat: 'safe' },
  'auth.whoami': { kind: 'query', repeat: 'safe' },
  'auth.keys.create': { kind: 'mutation', repeat: 'unsafe' },
  'auth.keys.list': { kind: 'query', repeat: 'safe' },
  'auth.keys.rotate': { kind: 'mutation', repeat: 'unsafe' },
  'auth.keys.revoke': { kind: 'mutation', repeat: 'safe' },
  'auth.sessions.list': { kind: 'query', repeat: 'safe' },
  'audit.list': { kind: 'query', repeat: 'safe' },
  'system.info': { kind: 'query', repeat: 'safe' },
  'system.metrics': { kind: 'query', repeat: 'safe' },
  'system.backup': { kind: 'mutation', repeat: 'safe' },
} as const

/** Every error code of the server. */
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
  UNSUPPORTED_MEDIA_TYPE: { http: 415, retryable: false, applied: 'no' },
  RATE_LIMITED: { http: 429, retryable: true, applied: 'no' },
  INBOX_FULL: { http: 429, retryable: true, applied: 'no' },
  CONSUMER_TOO_SLOW: { http: 429, retryable: true, applied: 'no' },
  INTERNAL: { http: 500, retryable: true, applied: 'unknown' },
  OVERLOADED: { http: 503, retryable: true, applied: 'no' },
  SHUTTING_DOWN: { http: 503, retryable: true, applied: 'no' },
  STORE_UNAVAILABLE: { http: 503, retryable: true, applied: 'unknown' },
  DEADLINE_EXCEEDED: { http: 504, retryable: true, applied: 'unknown' },
  STORAGE_FULL: { http: 507, retryable: true, applied: 'no' },
} as const
