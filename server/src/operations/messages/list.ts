import type { messageListInput, messageListOutput } from '@tony/mcp-shared/messages'
import { and, eq, or } from 'drizzle-orm'
import type { z } from 'zod'
import { agentNotFoundError, requireKnownAgent } from '../../domain/agents/lookup.ts'
import type { Context } from '../../domain/context.ts'
import { requireAgent, seesAllMessages } from '../../domain/principal.ts'
import { parseListCursor } from '../../platform/paging.ts'
import { equalsLiteral } from '../../store/sql-literals.ts'
import type { Reader } from '../../store/store.ts'
import { equalsUnindexed, type IndexScan, mergeScans } from './index-scan.ts'
import { toMessagePage } from './serialize.ts'
import { soleVisibleAgentOf } from './visible.ts'

type Input = z.output<typeof messageListInput>

/** Returns the agent whose messages are requested; undefined for all agents. */
async function requestedOwnerOf(
  reader: Reader,
  { principal }: Context,
  { agent, box }: Input,
): Promise<string | undefined> {
  const only = soleVisibleAgentOf(principal)
  if (agent === undefined) return box === undefined ? only : requireAgent(principal).id
  const named = await requireKnownAgent(reader, principal.project, agent)
  if (only !== undefined && named !== only) throw agentNotFoundError(agent)
  return named
}

/**
 * Returns the scans of the index with the fewest messages: a task's, an agent's or the project's.
 */
function scansOf(
  { t: { messages } }: Reader,
  { principal }: Context,
  input: Input,
  owner: string | undefined,
): IndexScan[] {
  const { box, status, type, taskId } = input
  const ownerColumns = [...(box === 'out' ? [] : [messages.toAgent]), ...(box === 'in' ? [] : [messages.fromAgent])]
  const where = [
    type === undefined ? undefined : eq(messages.type, type),
    status === undefined ? undefined : equalsUnindexed(messages.status, status),
  ]
  // For callers who see all messages only: this scan reads other agents' messages about the task.
  if (taskId !== undefined && seesAllMessages(principal)) {
    const ofOwner =
      owner === undefined ? undefined : or(...ownerColumns.map((column) => equalsUnindexed(column, owner)))
    where.push(equalsUnindexed(messages.projectId, principal.project), ofOwner)
    return [{ indexed: eq(messages.taskId, taskId), where: and(...where) }]
  }
  if (owner !== undefined) {
    where.push(taskId === undefined ? undefined : equalsUnindexed(messages.taskId, taskId))
    return ownerColumns.map((column) => ({ indexed: eq(column, owner), where: and(...where) }))
  }
  const ofProject = eq(messages.projectId, principal.project)
  const dead = status === 'dead' ? equalsLiteral(messages.status, 'dead') : undefined
  return [{ indexed: and(ofProject, dead), where: and(...where) }]
}

/** `messages.list`: newest first, in pages. */
export const listMessages = (ctx: Context, input: Input): Promise<z.output<typeof messageListOutput>> =>
  ctx.read(async (reader) => {
    const owner = await requestedOwnerOf(reader, ctx, input)
    const query = { order: 'newest', after: parseListCursor(input.cursor), limit: input.limit } as const
    const found = await mergeScans(reader, scansOf(reader, ctx, input, owner), query)
    const { page, nextCursor } = await toMessagePage(reader, found, async (_, message) => message)
    return { messages: page, nextCursor }
  })
