import { messageStatuses, rankOfMode } from '@tony/mcp-shared/messages'
import { sql } from 'drizzle-orm'
import type { AgentTables } from './agents.ts'
import { type Columns, quotedList } from './columns.ts'

/** Messages, their deliveries and requests. */
export function defineMessageTables(c: Columns, { projects, agents }: AgentTables) {
  /** Payload of a fan-out, stored once for all its copies. */
  const bodies = c.table('bodies', { id: c.text('id').primaryKey(), payload: c.text('payload').notNull() })

  const messages = c.table(
    'messages',
    {
      /** Order of sending. */
      ord: c.identity('ord'),
      id: c.text('id').notNull().unique(),
      projectId: c.reference('project_id', () => projects.id).notNull(),
      fromAgent: c.reference('from_agent'),
      /** The incarnation of the sender that wrote it; null without an agent. */
      fromIncarnation: c.integer('from_incarnation'),
      toAgent: c.reference('to_agent', () => agents.id).notNull(),
      /** Address of the fan-out that this message is a copy of; null for a direct message. */
      address: c.text('address'),
      type: c.text('type').notNull(),
      /** Null if the payload is in `bodies`. */
      payload: c.text('payload'),
      bodyId: c.text('body_id').references(() => bodies.id),
      priority: c.integer('priority').notNull(),
      /** Rank of its delivery mode. */
      mode: c.integer('mode').notNull().default(rankOfMode('boundary')),
      status: c.text('status').notNull().default('pending'),
      /** 1 while it is deliverable at once; null otherwise. */
      ready: c.integer('ready'),
      threadId: c.text('thread_id'),
      replyTo: c.text('reply_to'),
      correlationId: c.text('correlation_id'),
      taskId: c.text('task_id'),
      createdAt: c.integer('created_at').notNull(),
      deliveredAt: c.integer('delivered_at'),
      shownAt: c.integer('shown_at'),
      /** Number of deliveries. The column's name is that of the original schema. */
      retryCount: c.integer('retry_count').notNull().default(0),
      maxDeliver: c.integer('max_deliver').notNull(),
      redrives: c.integer('redrives').notNull().default(0),
      expiresAt: c.integer('expires_at'),
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
      c
        .index('messages_expiring')
        .on(t.projectId, t.expiresAt)
        .where(sql`status = 'pending' and expires_at is not null`),
      c.index('messages_in').on(t.toAgent, t.ord),
      c.index('messages_out').on(t.fromAgent, t.ord).where(sql`from_agent is not null`),
      c.index('messages_sent').on(t.projectId, t.ord),
      c.index('messages_thread').on(t.projectId, t.threadId, t.ord).where(sql`thread_id is not null`),
      c.index('messages_task').on(t.taskId, t.ord).where(sql`task_id is not null`),
      c.index('messages_dead').on(t.projectId, t.ord).where(sql`status = 'dead'`),
      // The deletion of a body first searches for messages that use it.
      c.index('messages_body').on(t.bodyId).where(sql`body_id is not null`),
      c.index('messages_in_flight').on(t.toAgent).where(sql`status = 'delivered'`),
      c.check('messages_status_known', sql`status in (${quotedList(messageStatuses)})`),
      c.check('messages_receipt_when_delivered', sql`status <> 'delivered' or receipt is not null`),
      c.check('messages_one_payload', sql`(payload is null) <> (body_id is null)`),
    ],
  )

  /**
   * Numbers of an agent's messages by status. Triggers maintain them, so `accepted` always equals
   * the sum of the others. A send locks the row, which makes the inbox capacity exact.
   */
  const mailboxes = c.table(
    'mailboxes',
    {
      agentId: c.reference('agent_id', () => agents.id).primaryKey(),
      projectId: c.reference('project_id').notNull(),
      accepted: c.integer('accepted').notNull().default(0),
      pending: c.integer('pending').notNull().default(0),
      delivered: c.integer('delivered').notNull().default(0),
      acked: c.integer('acked').notNull().default(0),
      dead: c.integer('dead').notNull().default(0),
      expired: c.integer('expired').notNull().default(0),
      purged: c.integer('purged').notNull().default(0),
    },
    (t) => [
      c.index('mailboxes_project').on(t.projectId),
      c.check(
        'mailboxes_conserved',
        sql`accepted = pending + delivered + acked + dead + expired + purged and pending >= 0 and delivered >= 0 and acked >= 0 and dead >= 0`,
      ),
    ],
  )

  const subscriptions = c.table(
    'subscriptions',
    {
      agentId: c
        .text('agent_id')
        .notNull()
        .references(() => agents.id),
      topic: c.text('topic').notNull(),
      projectId: c.text('project_id').notNull(),
    },
    (t) => [
      c.primaryKey({ columns: [t.agentId, t.topic] }),
      c.index('subscriptions_topic').on(t.projectId, t.topic, t.agentId),
    ],
  )

  const requests = c.table(
    'requests',
    {
      id: c.text('id').primaryKey(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      method: c.text('method').notNull(),
      fromAgent: c.text('from_agent'),
      toAgent: c
        .text('to_agent')
        .notNull()
        .references(() => agents.id),
      messageId: c.text('message_id').notNull(),
      status: c.text('status').notNull().default('waiting'),
      /** `{ result }` or `{ error }` as JSON. */
      reply: c.text('reply'),
      createdAt: c.integer('created_at').notNull(),
      deadlineAt: c.integer('deadline_at').notNull(),
    },
    (t) => [
      c.index('requests_waiting').on(t.projectId, t.deadlineAt).where(sql`status = 'waiting'`),
      c.index('requests_of').on(t.toAgent, t.status),
      c.check('requests_status_known', sql`status in ('waiting', 'replied', 'timed_out')`),
    ],
  )

  /** Failed deliveries of a message, which a dead letter shows as its history. */
  const deliveryFailures = c.table(
    'delivery_failures',
    {
      messageId: c
        .text('message_id')
        .notNull()
        .references(() => messages.id),
      /** Number of redrives before this failure. Each redrive restarts the count of deliveries. */
      redrives: c.integer('redrives').notNull().default(0),
      attempt: c.integer('attempt').notNull(),
      at: c.integer('at').notNull(),
      reason: c.text('reason').notNull(),
      error: c.text('error'),
    },
    (t) => [c.primaryKey({ columns: [t.messageId, t.redrives, t.attempt] })],
  )

  return { bodies, messages, mailboxes, subscriptions, requests, deliveryFailures }
}
