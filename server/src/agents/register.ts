import type { agentRegisterInput, agentRegisterOutput } from '@tony/mcp-shared/agents'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { policy } from '@tony/mcp-shared/policy'
import { agentRole, defaultRole, roles } from '@tony/mcp-shared/roles'
import { and, eq, sql } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import type { z } from 'zod'
import { hashSecret, newSecret } from '../auth/tokens.ts'
import type { Context } from '../context.ts'
import { releaseEarlier } from '../leases/release.ts'
import type { Principal } from '../principal.ts'
import { type Query, statement, type Transaction } from '../store/store.ts'
import { iso } from '../times.ts'
import type { AgentRow } from './present.ts'
import { insertSession, liveSessions, revokeSessions } from './sessions.ts'

type Input = z.output<typeof agentRegisterInput>

interface Profile {
  type: string
  role: string
  capabilities: string
  instanceHash: string | null
  metadata: string
  now: number
}

const insertAgent = statement(({ db, t, p }: Query<Profile & { id: string; project: string; name: string }>) =>
  db
    .insert(t.agents)
    .values({
      id: p.id,
      projectId: p.project,
      name: p.name,
      type: p.type,
      role: p.role,
      capabilities: p.capabilities,
      instanceHash: p.instanceHash,
      registeredAt: p.now,
      lastActivity: p.now,
      metadata: p.metadata,
    })
    .onConflictDoNothing()
    .returning()
    .prepare(),
)

const findNamed = statement(({ db, t, p }: Query<{ project: string; name: string }>) =>
  db
    .select()
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), eq(t.agents.name, p.name)))
    .prepare(),
)

const takeOver = statement(({ db, t, p }: Query<Profile & { id: string }>) =>
  db
    .update(t.agents)
    .set({
      type: p.type,
      role: p.role,
      capabilities: p.capabilities,
      instanceHash: sql`coalesce(${p.instanceHash}, ${t.agents.instanceHash})`,
      metadata: p.metadata,
      status: 'active',
      incarnation: sql`${t.agents.incarnation} + 1`,
      lastActivity: p.now,
      drainingAt: null,
    })
    .where(eq(t.agents.id, p.id))
    .returning()
    .prepare(),
)

/** Whether the caller has shown that it is the agent of this name. */
async function isSame(tx: Transaction, known: AgentRow, input: Input): Promise<boolean> {
  if (input.clientInstanceId !== undefined && known.instanceHash === hashSecret(input.clientInstanceId)) return true
  if (input.refreshToken === undefined) return false
  const hash = hashSecret(input.refreshToken)
  return (await tx.run(liveSessions, { agentId: known.id })).some((session) => session.refreshHash === hash)
}

async function takeName(tx: Transaction, principal: Principal, input: Input, profile: Profile): Promise<AgentRow> {
  const { project } = principal
  const mayTakeOver = input.takeOver && policy[principal.role].has('agents:remove')
  const [created] = await tx.run(insertAgent, { ...profile, id: uuidv7(), project, name: input.name })
  if (created) return created
  const [known] = await tx.run(findNamed, { project, name: input.name })
  if (!known) throw new Error('a name vanished')
  if (!(mayTakeOver || (await isSame(tx, known, input)))) {
    throw new CoordinationError(
      'AGENT_NAME_TAKEN',
      `"${input.name}" is taken: choose another name, or register with the clientInstanceId or refreshToken it was registered with`,
    )
  }
  const [row] = await tx.run(takeOver, { ...profile, id: known.id })
  if (!row) throw new Error('an agent vanished')
  await revokeSessions(tx, row.id)
  // Fences the incarnation before: its tokens are refused, its leases go back to the queue, its mailbox is inherited.
  await releaseEarlier(tx, row, { actor: row.id, reason: 'takeover' })
  tx.wake({ topic: 'incarnation', agentId: row.id, incarnation: row.incarnation })
  return row
}

/** `agents.register`: a new agent, or the same one in a new incarnation. */
export async function registerAgent(ctx: Context, input: Input): Promise<z.output<typeof agentRegisterOutput>> {
  const { project } = ctx.principal
  const role = agentRole.parse(input.role ?? defaultRole(input.type))
  if (roles.indexOf(role) > roles.indexOf(ctx.principal.role)) {
    throw new CoordinationError('FORBIDDEN', `this credential may register agents up to the role ${ctx.principal.role}`)
  }
  const sessionId = uuidv7()
  const refreshToken = newSecret('tcr')
  const row = await ctx.transact(async (tx) => {
    const agent = await takeName(tx, ctx.principal, input, {
      type: input.type,
      role,
      capabilities: JSON.stringify(input.capabilities),
      instanceHash: input.clientInstanceId === undefined ? null : hashSecret(input.clientInstanceId),
      metadata: JSON.stringify(input.metadata),
      now: tx.now,
    })
    const session = {
      id: sessionId,
      agentId: agent.id,
      incarnation: agent.incarnation,
      refreshHash: hashSecret(refreshToken),
    }
    await tx.run(insertSession, { ...session, now: tx.now })
    const { name, type, capabilities, incarnation } = agent
    const data = { name, type, role, capabilities: JSON.parse(capabilities), incarnation }
    tx.append({ type: 'agent.registered', subject: agent.id, actor: agent.id, data })
    return agent
  })
  const { id: agentId, name, type, incarnation } = row
  const { capabilities } = input
  const { token, expiresAt } = await ctx.tokens.issue({
    agentId,
    name,
    type,
    role,
    capabilities,
    project,
    incarnation,
    sessionId,
  })
  return { agentId, token, refreshToken, expiresAt: iso(expiresAt), incarnation, role }
}
