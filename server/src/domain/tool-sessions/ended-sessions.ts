import { and, eq } from 'drizzle-orm'
import { type StatementParts, type Store, statement } from '../../store/store.ts'

/**
 * The end of a tool session is a row of the table of idempotency keys, which are deleted after
 * 24 h. The row makes every replica refuse later HTTP requests of the session, even if no agent
 * has joined in it.
 */
const sessionEndProcedure = 'mcp.end'

interface ToolSessionParams {
  readonly project: string
  readonly instanceHash: string
}

const insertEnd = statement(({ db, t, p }: StatementParts<{ project: string; key: string; now: number }>) =>
  db
    .insert(t.idempotency)
    .values({
      projectId: p.project,
      principal: 'mcp',
      procedure: sessionEndProcedure,
      key: p.key,
      inputHash: 'end',
      reply: 'null',
      createdAt: p.now,
    })
    .onConflictDoNothing()
    .returning({ key: t.idempotency.key })
    .prepare(),
)

const findEnd = statement(({ db, t, p }: StatementParts<{ project: string; key: string }>) =>
  db
    .select({ key: t.idempotency.key })
    .from(t.idempotency)
    .where(
      and(
        eq(t.idempotency.projectId, p.project),
        eq(t.idempotency.principal, 'mcp'),
        eq(t.idempotency.procedure, sessionEndProcedure),
        eq(t.idempotency.key, p.key),
      ),
    )
    .prepare(),
)

/** Records that the host has ended a tool session. */
export async function recordToolSessionEnd(store: Store, { project, instanceHash }: ToolSessionParams): Promise<void> {
  await store.transact({ project }, (tx) => tx.run(insertEnd, { project, key: instanceHash, now: tx.now }))
}

/** True if the host has ended the tool session in the last 24 h. */
export async function hasToolSessionEnded(
  store: Store,
  { project, instanceHash }: ToolSessionParams,
): Promise<boolean> {
  const rows = await store.read((reader) => reader.run(findEnd, { project, key: instanceHash }))
  return rows.length > 0
}
