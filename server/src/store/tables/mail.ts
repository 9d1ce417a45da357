import { messageStatuses } from '@tony/mcp-shared/messages'
import { sql } from 'drizzle-orm'
import { type Columns, words } from '../columns.ts'
import type { People } from './people.ts'

/** Messages, and what became of their deliveries. */
export function defineMail(c: Columns, { projects, agents }: People) {
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

  return { bodies, messages, deliveryFailures }
}
