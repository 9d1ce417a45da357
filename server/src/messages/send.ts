import { CoordinationError } from '@tony/mcp-shared/errors'
import type { messageSendInput, messageSendOutput } from '@tony/mcp-shared/messages'
import { rankOf } from '@tony/mcp-shared/priorities'
import { and, eq, ne, or } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { type Letter, post } from '../mail/post.ts'
import { actorOf, type Principal } from '../principal.ts'
import { type Query, statement, type Transaction } from '../store/store.ts'

type Input = z.output<typeof messageSendInput>

const findDirect = statement(({ db, t, p }: Query<{ project: string; to: string }>) =>
  db
    .select({ id: t.agents.id, status: t.agents.status })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), or(eq(t.agents.id, p.to), eq(t.agents.name, p.to))))
    .prepare(),
)

const findAll = statement(({ db, t, p }: Query<{ project: string }>) =>
  db
    .select({ id: t.agents.id, role: t.agents.role })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), ne(t.agents.status, 'unregistered')))
    .orderBy(t.agents.id)
    .prepare(),
)

const insertBody = statement(({ db, t, p }: Query<{ id: string; payload: string }>) =>
  db.insert(t.bodies).values({ id: p.id, payload: p.payload }).returning({ id: t.bodies.id }).prepare(),
)

/** The agents a message goes to: those that match at the commit, all or none. */
async function recipientsOf(tx: Transaction, principal: Principal, to: string): Promise<readonly string[]> {
  const { project } = principal
  const role = /^role:(.+)$/.exec(to)?.[1]
  if (to !== '*' && role === undefined) {
    const [found] = await tx.run(findDirect, { project, to })
    if (!found || found.status === 'unregistered') throw new CoordinationError('NOT_FOUND', `Agent ${to} not found`)
    return [found.id]
  }
  const others = (await tx.run(findAll, { project })).filter((agent) => agent.id !== principal.agent?.id)
  return others.filter((agent) => role === undefined || agent.role === role).map((agent) => agent.id)
}

interface Copy {
  readonly agentId: string
  /** Null where the payload is the message's own. */
  readonly bodyId: string | null
}

function letterOf(principal: Principal, input: Input, { agentId, bodyId }: Copy): Letter {
  const { threadId = null, replyTo = null, correlationId = null, taskId = null, type, maxDeliver } = input
  return {
    project: principal.project,
    from: actorOf(principal),
    to: agentId,
    type,
    payload: bodyId === null ? payloadOf(input) : null,
    bodyId,
    address: bodyId === null ? null : input.to,
    priority: rankOf(input.priority),
    threadId,
    replyTo,
    correlationId,
    taskId,
    expiresAt: null,
    maxDeliver,
  }
}

const payloadOf = ({ payload }: Input): string => JSON.stringify(payload) ?? 'null'

/** `messages.send`: one row in each recipient's inbox; the payload of a fan-out is stored once beside them. */
export function sendMessage(ctx: Context, input: Input): Promise<z.output<typeof messageSendOutput>> {
  const fanOut = input.to === '*' || input.to.startsWith('role:')
  return ctx.transact(async (tx) => {
    const agentIds = await recipientsOf(tx, ctx.principal, input.to)
    const bodyId = fanOut ? uuidv7() : null
    if (bodyId !== null) await tx.run(insertBody, { id: bodyId, payload: payloadOf(input) })
    const posting = { maxPending: ctx.config.maxPending, whenFull: fanOut ? 'bury' : 'refuse' } as const
    const recipients: z.output<typeof messageSendOutput>['recipients'] = []
    for (const agentId of agentIds) {
      recipients.push({ agentId, ...(await post(tx, letterOf(ctx.principal, input, { agentId, bodyId }), posting)) })
    }
    return { id: bodyId ?? recipients[0]?.messageId ?? uuidv7(), recipients }
  })
}
