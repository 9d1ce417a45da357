import { eq } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import { lockWebhook, type WebhookKey, type WebhookRow } from './rows.ts'
import { publicUrlOf } from './url.ts'

const deleteDeadLetters = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db
    .delete(t.webhookDeadLetters)
    .where(eq(t.webhookDeadLetters.webhookId, p.id))
    .returning({ ord: t.webhookDeadLetters.ord })
    .prepare(),
)

const deleteRow = statement(({ db, t, p }: StatementParts<{ id: string }>) =>
  db.delete(t.webhooks).where(eq(t.webhooks.id, p.id)).returning({ id: t.webhooks.id }).prepare(),
)

/** Deletes a webhook with its dead letters. Returns its row; undefined if there is none. */
export async function deleteWebhook(
  tx: Transaction,
  { id, project, actor }: WebhookKey & { readonly actor: string | null },
): Promise<WebhookRow | undefined> {
  const [row] = await tx.run(lockWebhook, { id, project })
  if (!row) return undefined
  await tx.run(deleteDeadLetters, { id })
  await tx.run(deleteRow, { id })
  const data = { webhookId: id, url: publicUrlOf(row.url) }
  tx.append({ type: 'webhook.deleted', subject: id, actor, audience: [], data })
  return row
}
