import type { messageListInput, messageListOutput } from '@tony/mcp-shared/messages'
import { and, eq, or } from 'drizzle-orm'
import type { z } from 'zod'
import { agentNotFound, knownAgent } from '../../domain/agents/lookup.ts'
import type { Context } from '../../domain/context.ts'
import { requireAgent, seesAllMail } from '../../domain/principal.ts'
import { positionOf } from '../../platform/paging.ts'
import { isWord } from '../../store/sql-literals.ts'
import type { Reader } from '../../store/store.ts'
import { pageAlong, unplanned, type Walk } from './index-scan.ts'
import { presentPage } from './serialize.ts'
import { onlyOf } from './visible.ts'

type Input = z.output<typeof messageListInput>

/** Whose messages are asked for; everyone's when undefined. */
async function ownerOf(reader: Reader, { principal }: Context, { agent, box }: Input): Promise<string | undefined> {
  const only = onlyOf(principal)
  if (agent === undefined) return box === undefined ? only : requireAgent(principal).id
  const named = await knownAgent(reader, principal.project, agent)
  if (only !== undefined && named !== only) throw agentNotFound(agent)
  return named
}

/** The ways through the index that has the fewest messages on it: a task's, an agent's, or the project's. */
function walksOf({ t: { messages } }: Reader, { principal }: Context, input: Input, owner: string | undefined): Walk[] {
  const { box, status, type, taskId } = input
  const ends = [...(box === 'out' ? [] : [messages.toAgent]), ...(box === 'in' ? [] : [messages.fromAgent])]
  const where = [
    type === undefined ? undefined : eq(messages.type, type),
    status === undefined ? undefined : unplanned(messages.status, status),
  ]
  // What others have to say of a task is not looked at for someone who may not see it.
  if (taskId !== undefined && seesAllMail(principal)) {
    const ofOwner = owner === undefined ? undefined : or(...ends.map((end) => unplanned(end, owner)))
    where.push(unplanned(messages.projectId, principal.project), ofOwner)
    return [{ along: eq(messages.taskId, taskId), where: and(...where) }]
  }
  if (owner !== undefined) {
    where.push(taskId === undefined ? undefined : unplanned(messages.taskId, taskId))
    return ends.map((end) => ({ along: eq(end, owner), where: and(...where) }))
  }
  const ofProject = eq(messages.projectId, principal.project)
  const dead = status === 'dead' ? isWord(messages.status, 'dead') : undefined
  return [{ along: and(ofProject, dead), where: and(...where) }]
}

/** `messages.list`: the newest first, page by page. */
export const listMessages = (ctx: Context, input: Input): Promise<z.output<typeof messageListOutput>> =>
  ctx.read(async (reader) => {
    const owner = await ownerOf(reader, ctx, input)
    const asked = { order: 'newest', after: positionOf(input.cursor), limit: input.limit } as const
    const found = await pageAlong(reader, walksOf(reader, ctx, input, owner), asked)
    const { page, nextCursor } = await presentPage(reader, found, async (_, message) => message)
    return { messages: page, nextCursor }
  })
