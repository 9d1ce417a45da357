import type { AgentTables } from './agents.ts'
import type { Columns } from './columns.ts'

/** Webhooks and the deliveries that were given up. */
export function defineWebhookTables(c: Columns, { projects }: AgentTables) {
  const webhooks = c.table(
    'webhooks',
    {
      /** Derived from the project, the owner, the URL, the format and the filter. */
      id: c.text('id').primaryKey(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      /** The subject of the caller that created it, with its key and its agent, if it has them. */
      owner: c.text('owner').notNull(),
      ownerKey: c.text('owner_key'),
      ownerAgent: c.text('owner_agent'),
      url: c.text('url').notNull(),
      format: c.text('format').notNull(),
      filter: c.text('filter').notNull(),
      state: c.text('state').notNull().default('active'),
      /** Number of the last event that was delivered, given up or outside the filter. */
      seq: c.integer('seq').notNull(),
      /** Sealed secrets. Until `previous_until` deliveries are signed with the previous one too. */
      secret: c.text('secret').notNull(),
      previousSecret: c.text('previous_secret'),
      previousUntil: c.integer('previous_until'),
      /** Failed attempts of the next delivery, since when, and the time of the next attempt. */
      failures: c.integer('failures').notNull().default(0),
      failingSince: c.integer('failing_since'),
      nextAt: c.integer('next_at'),
      lastError: c.text('last_error'),
      deliveredAt: c.integer('delivered_at'),
      /** 1 if dead letters wait for another attempt. */
      redrive: c.integer('redrive').notNull().default(0),
      /** The sender that delivers now. Its lease ends by time if its process ends. */
      lease: c.text('lease'),
      leaseUntil: c.integer('lease_until'),
      expiresAt: c.integer('expires_at'),
      createdAt: c.integer('created_at').notNull(),
    },
    (t) => [c.index('webhooks_project').on(t.projectId, t.id)],
  )

  const webhookDeadLetters = c.table(
    'webhook_dead_letters',
    {
      ord: c.identity('ord'),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      webhookId: c
        .text('webhook_id')
        .notNull()
        .references(() => webhooks.id),
      /** The header `webhook-id` and the body of the delivery. */
      messageId: c.text('message_id').notNull(),
      body: c.text('body').notNull(),
      seq: c.integer('seq').notNull(),
      attempts: c.integer('attempts').notNull(),
      lastError: c.text('last_error').notNull(),
      at: c.integer('at').notNull(),
      /** 1 if it waits for another attempt. */
      redriven: c.integer('redriven').notNull().default(0),
    },
    (t) => [c.index('webhook_dead_letters_webhook').on(t.webhookId, t.ord)],
  )

  return { webhooks, webhookDeadLetters }
}
