import { sql } from 'drizzle-orm'
import { defineAgentTables } from './agents.ts'
import type { Columns } from './columns.ts'
import { defineIdentityTables } from './identity.ts'
import { defineLeftOutTables } from './left-out-dependencies.ts'
import { defineMessageTables } from './messages.ts'
import { defineTaskTables } from './tasks.ts'
import { defineWakeTables } from './wakes.ts'
import { defineWebhookTables } from './webhooks.ts'

/**
 * Defines all tables once for both engines. Times are milliseconds since 1970, and JSON is text.
 */
export function defineTables(c: Columns) {
  const agentTables = defineAgentTables(c)
  const { projects, agents } = agentTables

  /** Events from before there were pages. Retention empties it; no row is added. */
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
      /** The task that the event is about, or that its message refers to. */
      taskId: c.text('task_id'),
      epic: c.text('epic'),
      threadId: c.text('thread_id'),
      /** Ids of the agents that may see the event, as JSON; null means all. */
      audience: c.text('audience'),
      data: c.text('data').notNull(),
      /**
       * Session or key of the caller. Both are null for the developer of dev mode and for the
       * server.
       */
      sessionId: c.text('session_id'),
      credentialId: c.text('credential_id'),
      /** Null for an action of the server without a call. */
      requestId: c.text('request_id'),
    },
    (t) => [c.primaryKey({ columns: [t.projectId, t.seq] })],
  )

  /**
   * The events of one commit, or up to 256 of them: one line for each. The page has their numbers
   * and their time, and `form` is the number of the form of its lines (`event-log/line.ts`).
   */
  const eventPages = c.table(
    'event_pages',
    {
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      last: c.integer('last').notNull(),
      first: c.integer('first').notNull(),
      at: c.integer('at').notNull(),
      form: c.integer('form').notNull(),
      lines: c.text('lines').notNull(),
    },
    (t) => [
      c.primaryKey({ columns: [t.projectId, t.last] }),
      c.check('event_pages_range', sql`${t.first} between 1 and ${t.last}`),
    ],
  )

  /**
   * Replies under idempotency keys. `hash` and `identity` are hashes of the project, the procedure,
   * the principal and the key together. `inputHigh` and `inputLow` are the hash of the input, and
   * `project` is the hash of the project's id. `second` is the time in a UUID of version 7, so that
   * new rows are close together. `store/idempotency-slot.ts` computes these numbers.
   */
  const idempotencyKeys = c.table(
    'idempotency_keys',
    {
      second: c.integer('second').notNull(),
      hash: c.integer('hash').notNull(),
      identity: c.integer('identity').notNull(),
      inputHigh: c.integer('input_high').notNull(),
      inputLow: c.integer('input_low').notNull(),
      project: c.integer('project').notNull(),
      /** The time of the first use. */
      at: c.integer('at').notNull(),
      reply: c.text('reply').notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.second, t.hash] }), c.index('idempotency_keys_age').on(t.project, t.at)],
  )

  /**
   * Replies under keys whose place in the table above is taken, and those from before it. They are
   * deleted after 24 h like the others.
   */
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

  /**
   * The history of a project in steps of 10 s, 1 min and 10 min. A row has the state at the end of
   * its step as JSON, the counts of the step, and two maxima. Replicas add to one row.
   */
  const historySteps = c.table(
    'history_steps',
    {
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      stepMs: c.integer('step_ms').notNull(),
      at: c.integer('at').notNull(),
      state: c.text('state').notNull(),
      created: c.integer('created').notNull(),
      completed: c.integer('completed').notNull(),
      failed: c.integer('failed').notNull(),
      cancelled: c.integer('cancelled').notNull(),
      claimed: c.integer('claimed').notNull(),
      claimWaitMs: c.integer('claim_wait_ms').notNull(),
      claimWaitMaxMs: c.integer('claim_wait_max_ms').notNull(),
      sent: c.integer('sent').notNull(),
      acked: c.integer('acked').notNull(),
      returned: c.integer('returned').notNull(),
      dead: c.integer('dead').notNull(),
      events: c.integer('events').notNull(),
      refused: c.integer('refused').notNull(),
      loopLagMs: c.integer('loop_lag_ms').notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.projectId, t.stepMs, t.at] })],
  )

  /** Facts about the store: its epoch and the time of the last commit, among others. */
  const storeFacts = c.table('store_facts', { name: c.text('name').primaryKey(), value: c.text('value').notNull() })

  /**
   * Processes that serve this store, each with the time of its last heartbeat. The next process to
   * start computes the length of an outage from it.
   */
  const replicas = c.table('replicas', {
    id: c.text('id').primaryKey(),
    host: c.text('host').notNull(),
    startedAt: c.integer('started_at').notNull(),
    seenAt: c.integer('seen_at').notNull(),
  })

  return {
    ...agentTables,
    ...defineIdentityTables(c, agentTables),
    ...defineTaskTables(c, agentTables),
    ...defineLeftOutTables(c),
    ...defineMessageTables(c, agentTables),
    ...defineWebhookTables(c, agentTables),
    ...defineWakeTables(c, agentTables),
    events,
    eventPages,
    idempotencyKeys,
    idempotency,
    healthMetrics,
    historySteps,
    storeFacts,
    replicas,
  }
}

export type Tables = ReturnType<typeof defineTables>
