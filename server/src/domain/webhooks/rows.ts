import { and, eq, isNotNull, isNull, lt, lte, or, sql } from 'drizzle-orm'
import { equalsLiteral } from '../../store/sql-literals.ts'
import { placeholder, rowlessStatement, type StatementParts, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'

export type WebhookRow = Tables['webhooks']['$inferSelect']

export interface WebhookKey {
  id: string
  project: string
}

export const findWebhook = statement(({ db, t, p }: StatementParts<WebhookKey>) =>
  db
    .select()
    .from(t.webhooks)
    .where(and(eq(t.webhooks.id, p.id), eq(t.webhooks.projectId, p.project)))
    .prepare(),
)

export const lockWebhook = statement(({ db, t, p, locked }: StatementParts<WebhookKey>) =>
  locked(
    db
      .select()
      .from(t.webhooks)
      .where(and(eq(t.webhooks.id, p.id), eq(t.webhooks.projectId, p.project))),
  ).prepare(),
)

/** The projects that have webhooks. */
export const findWebhookProjects = statement(({ db, t }: StatementParts<object>) =>
  db.selectDistinct({ project: t.webhooks.projectId }).from(t.webhooks).prepare(),
)

/**
 * The webhooks that have something to send and no sender, the longest waiting first. The events
 * after `seq` may be outside the filter.
 */
export const findDueWebhooks = statement(({ db, t, p }: StatementParts<{ now: number; limit: number }>) =>
  db
    .select({ id: t.webhooks.id, project: t.webhooks.projectId })
    .from(t.webhooks)
    .innerJoin(t.projects, eq(t.projects.id, t.webhooks.projectId))
    .where(
      and(
        equalsLiteral(t.webhooks.state, 'active'),
        or(isNull(t.webhooks.nextAt), lte(t.webhooks.nextAt, p.now)),
        or(isNull(t.webhooks.leaseUntil), lte(t.webhooks.leaseUntil, p.now)),
        or(lt(t.webhooks.seq, t.projects.seq), eq(t.webhooks.redrive, 1)),
      ),
    )
    .orderBy(sql`coalesce(${t.webhooks.deliveredAt}, 0)`)
    .limit(placeholder('limit'))
    .prepare(),
)

/** The webhooks whose life is over, or whose owner has lost access. */
export const findEndedWebhooks = statement(({ db, t, p }: StatementParts<{ now: number; limit: number }>) =>
  db
    .select({ id: t.webhooks.id, project: t.webhooks.projectId, expiresAt: t.webhooks.expiresAt })
    .from(t.webhooks)
    .leftJoin(t.credentials, eq(t.credentials.id, t.webhooks.ownerKey))
    .leftJoin(t.agents, eq(t.agents.id, t.webhooks.ownerAgent))
    .where(
      or(
        lte(t.webhooks.expiresAt, p.now),
        sql`${t.credentials.revokedAt} is not null`,
        lte(t.credentials.expiresAt, p.now),
        equalsLiteral(t.agents.status, 'unregistered'),
      ),
    )
    .limit(placeholder('limit'))
    .prepare(),
)

/** Takes the lease of a due webhook. */
export const takeWebhookLease = statement(
  ({ db, t, p }: StatementParts<{ id: string; lease: string; now: number; until: number }>) =>
    db
      .update(t.webhooks)
      .set({ lease: p.lease, leaseUntil: p.until })
      .where(
        and(
          eq(t.webhooks.id, p.id),
          equalsLiteral(t.webhooks.state, 'active'),
          or(isNull(t.webhooks.nextAt), lte(t.webhooks.nextAt, p.now)),
          or(isNull(t.webhooks.leaseUntil), lte(t.webhooks.leaseUntil, p.now)),
        ),
      )
      .returning()
      .prepare(),
)

/** Ends the leases of a process that has ended, where only one process can be alive. */
export const releaseWebhookLeases = rowlessStatement(({ db, t }: StatementParts<object>) =>
  db.update(t.webhooks).set({ lease: null, leaseUntil: null }).where(isNotNull(t.webhooks.leaseUntil)).prepare(),
)

interface Progress {
  id: string
  lease: string
  seq: number
  until: number | null
  delivered: number | null
}

/** Saves the position after successes, and the end of the lease: null gives it back. */
export const saveProgress = statement(({ db, t, p }: StatementParts<Progress>) =>
  db
    .update(t.webhooks)
    .set({
      seq: p.seq,
      failures: 0,
      failingSince: null,
      nextAt: null,
      lastError: null,
      leaseUntil: p.until,
      deliveredAt: sql`coalesce(${p.delivered}, ${t.webhooks.deliveredAt})`,
    })
    .where(and(eq(t.webhooks.id, p.id), eq(t.webhooks.lease, p.lease)))
    .returning()
    .prepare(),
)

/** Extends a lease or gives it back, without a change of the position. */
export const saveLease = statement(
  ({ db, t, p }: StatementParts<{ id: string; lease: string; until: number | null }>) =>
    db
      .update(t.webhooks)
      .set({ leaseUntil: p.until })
      .where(and(eq(t.webhooks.id, p.id), eq(t.webhooks.lease, p.lease)))
      .returning()
      .prepare(),
)

interface WebhookFailure {
  id: string
  lease: string
  seq: number
  failures: number
  now: number
  nextAt: number | null
  error: string
  state: string
}

/** Saves the position before a failed delivery, and ends the lease. */
export const saveFailure = statement(({ db, t, p }: StatementParts<WebhookFailure>) =>
  db
    .update(t.webhooks)
    .set({
      seq: p.seq,
      failures: p.failures,
      failingSince: sql`coalesce(${t.webhooks.failingSince}, ${p.now})`,
      nextAt: p.nextAt,
      lastError: p.error,
      state: p.state,
      leaseUntil: null,
    })
    .where(and(eq(t.webhooks.id, p.id), eq(t.webhooks.lease, p.lease)))
    .returning()
    .prepare(),
)

interface NewDeadLetter {
  project: string
  webhookId: string
  messageId: string
  body: string
  seq: number
  attempts: number
  error: string
  now: number
}

export const insertDeadLetter = statement(({ db, t, p }: StatementParts<NewDeadLetter>) =>
  db
    .insert(t.webhookDeadLetters)
    .values({
      projectId: p.project,
      webhookId: p.webhookId,
      messageId: p.messageId,
      body: p.body,
      seq: p.seq,
      attempts: p.attempts,
      lastError: p.error,
      at: p.now,
    })
    .returning({ ord: t.webhookDeadLetters.ord })
    .prepare(),
)

export const countDeadLetters = statement(({ db, t, p }: StatementParts<{ webhookId: string }>) =>
  db
    .select({ count: sql<number>`count(*)` })
    .from(t.webhookDeadLetters)
    .where(eq(t.webhookDeadLetters.webhookId, p.webhookId))
    .prepare(),
)

/** The next dead letter that waits for another attempt. */
export const findRedrivenDeadLetter = statement(({ db, t, p }: StatementParts<{ webhookId: string }>) =>
  db
    .select()
    .from(t.webhookDeadLetters)
    .where(and(eq(t.webhookDeadLetters.webhookId, p.webhookId), eq(t.webhookDeadLetters.redriven, 1)))
    .orderBy(t.webhookDeadLetters.ord)
    .limit(1)
    .prepare(),
)

export const deleteDeadLetter = statement(({ db, t, p }: StatementParts<{ ord: number }>) =>
  db
    .delete(t.webhookDeadLetters)
    .where(eq(t.webhookDeadLetters.ord, p.ord))
    .returning({ ord: t.webhookDeadLetters.ord })
    .prepare(),
)

/** Puts a dead letter back after a failed attempt. */
export const recordFailedRedrive = statement(
  ({ db, t, p }: StatementParts<{ ord: number; error: string; now: number }>) =>
    db
      .update(t.webhookDeadLetters)
      .set({ redriven: 0, attempts: sql`${t.webhookDeadLetters.attempts} + 1`, lastError: p.error, at: p.now })
      .where(eq(t.webhookDeadLetters.ord, p.ord))
      .returning({ ord: t.webhookDeadLetters.ord })
      .prepare(),
)

/** Records that no dead letter waits any more. */
export const endRedrive = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db.update(t.webhooks).set({ redrive: 0 }).where(eq(t.webhooks.id, p.id)).returning({ id: t.webhooks.id }).prepare(),
)
