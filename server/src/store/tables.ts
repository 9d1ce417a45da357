import { messageStatuses } from '@tony/mcp-shared/messages'
import { taskStatuses } from '@tony/mcp-shared/tasks'
import { sql } from 'drizzle-orm'
import type { Columns } from './columns.ts'

const words = (values: readonly string[]) => sql.raw(values.map((value) => `'${value}'`).join(', '))

/** Every table, once, for every engine. Times are milliseconds since 1970, `*_json` and the like are JSON as text. */
export function defineTables(c: Columns) {
  const projects = c.table('projects', {
    id: c.text('id').primaryKey(),
    name: c.text('name').notNull().unique(),
    path: c.text('path'),
    createdAt: c.integer('created_at').notNull(),
    /** Number of the last event: locked last in a batch, which makes the feed dense and commit-ordered. */
    seq: c.integer('seq').notNull().default(0),
  })

  const agents = c.table(
    'agents',
    {
      id: c.text('id').primaryKey(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      name: c.text('name').notNull(),
      type: c.text('type').notNull(),
      role: c.text('role').notNull(),
      capabilities: c.text('capabilities').notNull(),
      /** `active` until the agent falls silent (`offline`) or leaves (`unregistered`); `idle` is read off its leases. */
      status: c.text('status').notNull().default('active'),
      incarnation: c.integer('incarnation').notNull().default(1),
      instanceHash: c.text('instance_hash'),
      registeredAt: c.integer('registered_at').notNull(),
      lastActivity: c.integer('last_activity').notNull(),
      metadata: c.text('metadata').notNull(),
    },
    (t) => [
      c.uniqueIndex('agents_name').on(t.projectId, t.name),
      c.index('agents_silent').on(t.lastActivity).where(sql`status = 'active'`),
    ],
  )

  const sessions = c.table(
    'sessions',
    {
      id: c.text('id').primaryKey(),
      agentId: c
        .text('agent_id')
        .notNull()
        .references(() => agents.id),
      incarnation: c.integer('incarnation').notNull(),
      refreshHash: c.text('refresh_hash').notNull(),
      createdAt: c.integer('created_at').notNull(),
      revokedAt: c.integer('revoked_at'),
    },
    (t) => [c.index('sessions_agent').on(t.agentId, t.incarnation)],
  )

  /** A set of conditions on who may claim: tasks that ask the same share a route, and a claim looks only at its own routes. */
  const routes = c.table(
    'routes',
    {
      id: c.identity('id'),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      requires: c.text('requires').notNull(),
      assignedTo: c.text('assigned_to').notNull(),
    },
    (t) => [c.uniqueIndex('routes_conditions').on(t.projectId, t.requires, t.assignedTo)],
  )

  const tasks = c.table(
    'tasks',
    {
      /** Order of creation. */
      ord: c.identity('ord'),
      id: c.text('id').notNull().unique(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      externalId: c.text('external_id'),
      /** Hash of the plan's row it was last imported from. */
      planHash: c.text('plan_hash'),
      /** The seed's name for the holder of the lease, or who completed it. */
      agentId: c.text('agent_id').references(() => agents.id),
      type: c.text('type').notNull(),
      epic: c.text('epic'),
      story: c.text('story'),
      title: c.text('title'),
      description: c.text('description'),
      parentId: c.text('parent_id'),
      requires: c.text('requires').notNull(),
      assignedTo: c.text('assigned_to'),
      priority: c.integer('priority').notNull(),
      status: c.text('status').notNull(),
      /** Its route's id. */
      routeId: c
        .integer('route_id')
        .notNull()
        .references(() => routes.id),
      /** The same, while it can be claimed at once; null otherwise. What the claim index holds. */
      ready: c.integer('ready'),
      dependencies: c.integer('dependencies').notNull().default(0),
      /** How many of them are not completed. */
      openDeps: c.integer('open_deps').notNull().default(0),
      attempt: c.integer('attempt').notNull().default(0),
      failures: c.integer('failures').notNull().default(0),
      maxAttempts: c.integer('max_attempts').notNull(),
      notBefore: c.integer('not_before'),
      incarnation: c.integer('incarnation'),
      leaseToken: c.text('lease_token'),
      leaseMs: c.integer('lease_ms'),
      leaseExpiresAt: c.integer('lease_expires_at'),
      /** Heartbeats in a row that did not list this lease. */
      unlistedBeats: c.integer('unlisted_beats').notNull().default(0),
      progress: c.text('progress'),
      result: c.text('result'),
      error: c.text('error'),
      revision: c.integer('revision').notNull().default(1),
      metadata: c.text('metadata').notNull(),
      createdBy: c.text('created_by'),
      createdAt: c.integer('created_at').notNull(),
      completedAt: c.integer('completed_at'),
    },
    (t) => [
      c.uniqueIndex('tasks_external').on(t.projectId, t.externalId),
      // With the project first in each: without statistics SQLite takes two equalities on `tasks_status` for better than a
      // range on a partial index, and the sweeps would walk every pending task four times a second.
      c.index('tasks_ready').on(t.projectId, t.ready, t.priority, t.ord).where(sql`ready is not null`),
      c.index('tasks_due').on(t.projectId, t.notBefore).where(sql`status = 'pending' and ready is null`),
      c.index('tasks_leases').on(t.projectId, t.leaseExpiresAt).where(sql`status = 'in_progress'`),
      c.index('tasks_held').on(t.agentId, t.status).where(sql`status = 'in_progress'`),
      c.index('tasks_status').on(t.projectId, t.status, t.ord),
      c.index('tasks_created').on(t.projectId, t.ord),
      c.index('tasks_epic').on(t.projectId, t.epic, t.ord).where(sql`epic is not null`),
      c.index('tasks_parent').on(t.parentId, t.ord).where(sql`parent_id is not null`),
      c.check('tasks_status_known', sql`status in (${words(taskStatuses)})`),
      c.check(
        'tasks_lease_with_holder',
        sql`status <> 'in_progress' or (lease_token is not null and agent_id is not null)`,
      ),
      c.check('tasks_ready_is_pending', sql`ready is null or (status = 'pending' and open_deps = 0)`),
      c.check('tasks_deps_counted', sql`open_deps >= 0`),
    ],
  )

  const taskDependencies = c.table(
    'task_dependencies',
    {
      taskId: c
        .text('task_id')
        .notNull()
        .references(() => tasks.id),
      dependsOnId: c
        .text('depends_on_id')
        .notNull()
        .references(() => tasks.id),
    },
    (t) => [c.primaryKey({ columns: [t.taskId, t.dependsOnId] }), c.index('task_dependents').on(t.dependsOnId)],
  )

  const plans = c.table('plans', {
    id: c.text('id').primaryKey(),
    projectId: c
      .text('project_id')
      .notNull()
      .references(() => projects.id),
    name: c.text('name').notNull(),
    status: c.text('status').notNull().default('open'),
    createdBy: c.text('created_by'),
    createdAt: c.integer('created_at').notNull(),
  })

  const planRows = c.table(
    'plan_rows',
    {
      ord: c.identity('ord'),
      planId: c
        .text('plan_id')
        .notNull()
        .references(() => plans.id),
      externalId: c.text('external_id').notNull(),
      spec: c.text('spec').notNull(),
    },
    (t) => [c.uniqueIndex('plan_rows_external').on(t.planId, t.externalId)],
  )

  /** The payload of a fan-out, stored once beside its copies. */
  const bodies = c.table('bodies', { id: c.text('id').primaryKey(), payload: c.text('payload').notNull() })

  const messages = c.table(
    'messages',
    {
      /** Order of sending. */
      ord: c.identity('ord'),
      id: c.text('id').notNull().unique(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      fromAgent: c.text('from_agent'),
      toAgent: c
        .text('to_agent')
        .notNull()
        .references(() => agents.id),
      type: c.text('type').notNull(),
      /** Null where the payload is the body's. */
      payload: c.text('payload'),
      bodyId: c.text('body_id').references(() => bodies.id),
      priority: c.integer('priority').notNull(),
      status: c.text('status').notNull().default('pending'),
      /** 1 while it can be delivered at once; null otherwise. */
      ready: c.integer('ready'),
      threadId: c.text('thread_id'),
      replyTo: c.text('reply_to'),
      correlationId: c.text('correlation_id'),
      taskId: c.text('task_id'),
      createdAt: c.integer('created_at').notNull(),
      deliveredAt: c.integer('delivered_at'),
      /** The seed's name for the number of deliveries. */
      retryCount: c.integer('retry_count').notNull().default(0),
      maxDeliver: c.integer('max_deliver').notNull(),
      receipt: c.text('receipt'),
      ackBy: c.integer('ack_by'),
      notBefore: c.integer('not_before'),
      endedAt: c.integer('ended_at'),
      lastError: c.text('last_error'),
    },
    (t) => [
      c.index('messages_ready').on(t.toAgent, t.ready, t.priority, t.ord).where(sql`ready is not null`),
      c.index('messages_due').on(t.projectId, t.notBefore).where(sql`status = 'pending' and ready is null`),
      c.index('messages_unacked').on(t.projectId, t.ackBy).where(sql`status = 'delivered'`),
      c.index('messages_in_flight').on(t.toAgent).where(sql`status = 'delivered'`),
      c.check('messages_status_known', sql`status in (${words(messageStatuses)})`),
      c.check('messages_receipt_when_delivered', sql`status <> 'delivered' or receipt is not null`),
      c.check('messages_one_payload', sql`(payload is null) <> (body_id is null)`),
    ],
  )

  /** Each failed delivery of a message: the history a dead letter shows. */
  const deliveryFailures = c.table(
    'delivery_failures',
    {
      messageId: c
        .text('message_id')
        .notNull()
        .references(() => messages.id),
      attempt: c.integer('attempt').notNull(),
      at: c.integer('at').notNull(),
      reason: c.text('reason').notNull(),
      error: c.text('error'),
    },
    (t) => [c.primaryKey({ columns: [t.messageId, t.attempt] })],
  )

  const events = c.table(
    'events',
    {
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      seq: c.integer('seq').notNull(),
      at: c.integer('at').notNull(),
      type: c.text('type').notNull(),
      subject: c.text('subject'),
      actor: c.text('actor'),
      /** The task it is about, or that a message names. */
      taskId: c.text('task_id'),
      epic: c.text('epic'),
      threadId: c.text('thread_id'),
      /** Ids of the agents that may see it, as JSON; null for everyone. */
      audience: c.text('audience'),
      data: c.text('data').notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.projectId, t.seq] })],
  )

  const idempotency = c.table(
    'idempotency',
    {
      projectId: c.text('project_id').notNull(),
      principal: c.text('principal').notNull(),
      procedure: c.text('procedure').notNull(),
      key: c.text('key').notNull(),
      inputHash: c.text('input_hash').notNull(),
      reply: c.text('reply').notNull(),
      createdAt: c.integer('created_at').notNull(),
    },
    (t) => [
      c.primaryKey({ columns: [t.projectId, t.principal, t.procedure, t.key] }),
      c.index('idempotency_age').on(t.createdAt),
    ],
  )

  const healthMetrics = c.table(
    'health_metrics',
    {
      agentId: c
        .text('agent_id')
        .notNull()
        .references(() => agents.id),
      timestamp: c.integer('timestamp').notNull(),
      requestsHandled: c.integer('requests_handled'),
      avgResponseTime: c.real('avg_response_time'),
      errorRate: c.real('error_rate'),
      cpuUsage: c.real('cpu_usage'),
      memoryUsage: c.real('memory_usage'),
    },
    (t) => [c.index('health_metrics_agent').on(t.agentId, t.timestamp)],
  )

  /** Facts about the store itself: its epoch, and the time of the last commit. */
  const storeFacts = c.table('store_facts', { name: c.text('name').primaryKey(), value: c.text('value').notNull() })

  return {
    projects,
    agents,
    sessions,
    routes,
    tasks,
    taskDependencies,
    plans,
    planRows,
    bodies,
    messages,
    deliveryFailures,
    events,
    idempotency,
    healthMetrics,
    storeFacts,
  }
}

export type Tables = ReturnType<typeof defineTables>
