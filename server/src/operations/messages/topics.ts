import { eq } from 'drizzle-orm'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

const findTopics = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db
    .select({ topic: t.subscriptions.topic })
    .from(t.subscriptions)
    .where(eq(t.subscriptions.agentId, p.agentId))
    .orderBy(t.subscriptions.topic)
    .prepare(),
)

/** Returns every topic that an agent subscribes to, sorted. */
export async function topicsOf(tx: Transaction, agentId: string): Promise<string[]> {
  return (await tx.run(findTopics, { agentId })).map(({ topic }) => topic)
}
