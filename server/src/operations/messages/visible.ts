import { CoordinationError } from '@tony/mcp-shared/errors'
import { and, eq } from 'drizzle-orm'
import { type Principal, requireAgent, seesAllMessages } from '../../domain/principal.ts'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'
import type { MessageRow } from './serialize.ts'

const findMessage = statement(({ db, t, p }: StatementParts<{ project: string; messageId: string }>) =>
  db
    .select()
    .from(t.messages)
    .where(and(eq(t.messages.id, p.messageId), eq(t.messages.projectId, p.project)))
    .prepare(),
)

/**
 * Returns the agent whose messages alone a caller sees; undefined if it sees those of all agents.
 */
export const soleVisibleAgentOf = (principal: Principal): string | undefined =>
  seesAllMessages(principal) ? undefined : requireAgent(principal).id

/** Returns a message that the caller may see. Messages of other agents fail like unknown ones. */
export async function requireVisibleMessage(
  reader: Reader,
  principal: Principal,
  messageId: string,
): Promise<MessageRow> {
  const only = soleVisibleAgentOf(principal)
  const [row] = await reader.run(findMessage, { project: principal.project, messageId })
  if (row && (only === undefined || row.fromAgent === only || row.toAgent === only)) return row
  throw new CoordinationError('NOT_FOUND', `Message ${messageId} not found`)
}
