import { CoordinationError } from '@tony/mcp-shared/errors'
import { type webhookCreateInput, type webhookCreateOutput, webhookLimit } from '@tony/mcp-shared/webhooks'
import { and, eq, gt, isNull, or, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { resolveCursor } from '../../domain/feed/cursor.ts'
import { logRangeOf } from '../../domain/feed/log-range.ts'
import { findCallerKeyId } from '../../domain/identity/session.ts'
import { actorOf } from '../../domain/principal.ts'
import { deleteWebhook } from '../../domain/webhooks/delete.ts'
import { webhookIdOf } from '../../domain/webhooks/identity.ts'
import { findWebhook, type WebhookRow } from '../../domain/webhooks/rows.ts'
import { sealSecret, unsealSecret } from '../../domain/webhooks/secrets.ts'
import { isWebhookSecret, newSecret } from '../../domain/webhooks/signature.ts'
import { parseEndpointUrl, publicUrlOf } from '../../domain/webhooks/url.ts'
import { isoOrNull } from '../../platform/times.ts'
import { type Reader, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { toWebhook } from './serialize.ts'

type Input = z.output<typeof webhookCreateInput>

/** An endpoint that has answered a challenge of this owner already. */
const findChallengedEndpoint = statement(
  ({ db, t, p }: StatementParts<{ project: string; owner: string; url: string; now: number }>) =>
    db
      .select({ id: t.webhooks.id })
      .from(t.webhooks)
      .where(
        and(
          eq(t.webhooks.projectId, p.project),
          eq(t.webhooks.owner, p.owner),
          eq(t.webhooks.url, p.url),
          or(isNull(t.webhooks.expiresAt), gt(t.webhooks.expiresAt, p.now)),
        ),
      )
      .limit(1)
      .prepare(),
)

const countWebhooks = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db.select({ count: sql<number>`count(*)` }).from(t.webhooks).where(eq(t.webhooks.projectId, p.project)).prepare(),
)

const findUnexpiredWebhook = async (reader: Reader, project: string, id: string): Promise<WebhookRow | undefined> => {
  const [row] = await reader.run(findWebhook, { id, project })
  return row && (row.expiresAt === null || row.expiresAt > reader.now) ? row : undefined
}

/** The parts of a webhook that are known before its transaction. */
interface WebhookDraft {
  readonly id: string
  readonly input: Input
  readonly url: string
  readonly secret: string
}

const chooseSecret = (ctx: Context, input: Input, live: WebhookRow | undefined): string => {
  const { secret } = input
  if (secret !== undefined && !isWebhookSecret(secret))
    throw new CoordinationError('INVALID_INPUT', 'secret: must be whsec_ followed by base64 of 24 to 64 bytes')
  return secret ?? (live ? unsealSecret(ctx.identity.pepper, live.secret) : newSecret())
}

/** Throws INVALID_INPUT, with the reason, if the endpoint does not return a challenge. */
async function requireChallengedEndpoint(
  ctx: Context,
  { id, input: { format }, url, secret }: WebhookDraft,
): Promise<void> {
  const { subject: owner, project } = ctx.principal
  if (ctx.config.webhooks.origins.includes(new URL(url).origin)) return
  const challenged = await ctx.read((reader) =>
    reader.run(findChallengedEndpoint, { project, owner, url, now: reader.now }),
  )
  if (challenged.length > 0) return
  const reason = await ctx.webhooks.sendChallenge({ id, format, url, secret })
  if (reason === undefined) return
  throw new CoordinationError(
    'INVALID_INPUT',
    `url: the endpoint did not answer the challenge (${reason}): it must answer 200 with {"challenge":"…"} of the request`,
    { reason },
  )
}

async function insertWebhook(
  ctx: Context,
  tx: Transaction,
  { id, input, url, secret }: WebhookDraft,
): Promise<WebhookRow> {
  const { principal, store } = ctx
  const { project, subject: owner, agent } = principal
  const [count] = await tx.run(countWebhooks, { project })
  if ((count?.count ?? 0) >= webhookLimit)
    throw new CoordinationError(
      'INVALID_INPUT',
      `the project has ${webhookLimit} webhooks: delete one of webhooks.list first`,
      { limit: 'webhooks', max: webhookLimit },
    )
  const { cursor, format, filter, ttlMs } = input
  const seq =
    cursor === undefined ? (await logRangeOf(tx, project)).last : await resolveCursor(tx, project, store.epoch, cursor)
  const [row] = await tx.db
    .insert(tx.t.webhooks)
    .values({
      id,
      projectId: project,
      owner,
      ownerKey: await findCallerKeyId(tx, principal),
      ownerAgent: agent?.id ?? null,
      url,
      format,
      filter: JSON.stringify(filter),
      seq,
      secret: sealSecret(ctx.identity.pepper, secret),
      expiresAt: ttlMs === undefined ? null : tx.now + ttlMs,
      createdAt: tx.now,
    })
    .returning()
  if (!row) throw new Error('the insert of the webhook returned no row')
  const data = { webhookId: id, url: publicUrlOf(url), filter, expiresAt: isoOrNull(row.expiresAt) }
  tx.append({ type: 'webhook.created', subject: id, actor: actorOf(principal), audience: [], data })
  return row
}

/** Renews the life, the secret and the state of a webhook. The secret before it stays for a day. */
async function renewWebhook(ctx: Context, tx: Transaction, live: WebhookRow, draft: WebhookDraft): Promise<WebhookRow> {
  const { pepper } = ctx.identity
  const { ttlMs } = draft.input
  const isRotated = unsealSecret(pepper, live.secret) !== draft.secret
  const rotated = isRotated && {
    secret: sealSecret(pepper, draft.secret),
    previousSecret: live.secret,
    previousUntil: tx.now + overlapMs,
  }
  const [row] = await tx.db
    .update(tx.t.webhooks)
    .set({
      ...rotated,
      state: 'active',
      failures: 0,
      nextAt: null,
      expiresAt: ttlMs === undefined ? null : tx.now + ttlMs,
    })
    .where(eq(tx.t.webhooks.id, live.id))
    .returning()
  return row ?? live
}

const overlapMs = 86_400_000

/** `webhooks.create`: challenges the endpoint, and then creates or renews the webhook. */
export async function createWebhook(ctx: Context, input: Input): Promise<z.output<typeof webhookCreateOutput>> {
  const { project, subject: owner } = ctx.principal
  const url = parseEndpointUrl(input.url).href
  const id = webhookIdOf({ project, owner, url, format: input.format, filter: input.filter })
  const known = await ctx.read((reader) => findUnexpiredWebhook(reader, project, id))
  const draft = { id, input, url, secret: chooseSecret(ctx, input, known) }
  await requireChallengedEndpoint(ctx, draft)
  const created = await ctx.transact(async (tx) => {
    const live = await findUnexpiredWebhook(tx, project, id)
    // A row whose life is over is in the way until the next sweep.
    if (!live) await deleteWebhook(tx, { id, project, actor: null })
    const row = live ? await renewWebhook(ctx, tx, live, draft) : await insertWebhook(ctx, tx, draft)
    return toWebhook(tx, ctx.store.epoch, row)
  })
  ctx.webhooks.notifyNewWebhook(project)
  return { ...created, secret: draft.secret }
}
