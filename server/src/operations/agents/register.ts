import type { agentRegisterInput, agentRegisterOutput } from '@tony/mcp-shared/agents'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { agentRole, defaultRoleOf, isRoleAtMost } from '@tony/mcp-shared/roles'
import { and, eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'
import { consumeKeyUse } from '../../domain/identity/key-use.ts'
import { sessionIdOfToken } from '../../domain/identity/refresh-token.ts'
import { createSession, findCallerKeyId, findSession, revokeAgentSessions } from '../../domain/identity/session.ts'
import { isAllowed } from '../../domain/principal.ts'
import { releaseLeasesOfEarlierIncarnations } from '../../domain/tasks/release-lease.ts'
import { deleteIdleSession } from '../../domain/wakes/end-wakes.ts'
import { iso } from '../../platform/times.ts'
import { uuidv7 } from '../../platform/uuid.ts'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'
import type { AgentRow } from './serialize.ts'

type Input = z.output<typeof agentRegisterInput>

interface RegistrationParams {
  type: string
  role: string
  capabilities: string
  instanceHash: string | null
  credentialId: string | null
  metadata: string
  now: number
}

const insertAgent = statement(
  ({ db, t, p }: StatementParts<RegistrationParams & { id: string; project: string; name: string }>) =>
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
        credentialId: p.credentialId,
        registeredAt: p.now,
        lastActivity: p.now,
        metadata: p.metadata,
      })
      .onConflictDoNothing()
      .returning()
      .prepare(),
)

const findAgentByName = statement(({ db, t, p }: StatementParts<{ project: string; name: string }>) =>
  db
    .select()
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), eq(t.agents.name, p.name)))
    .prepare(),
)

const startIncarnation = statement(({ db, t, p }: StatementParts<RegistrationParams & { id: string }>) =>
  db
    .update(t.agents)
    .set({
      type: p.type,
      role: p.role,
      capabilities: p.capabilities,
      instanceHash: sql`coalesce(${p.instanceHash}, ${t.agents.instanceHash})`,
      credentialId: p.credentialId,
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

/**
 * True if the caller has proved that it is the agent of this name: by the instance id and the
 * credential of its registration, or by its refresh token.
 */
async function provesIdentity(
  { identity: { pepper } }: Context,
  tx: Transaction,
  known: AgentRow,
  input: Input,
  profile: RegistrationParams,
) {
  if (profile.instanceHash !== null && known.instanceHash === profile.instanceHash)
    return known.credentialId === profile.credentialId
  if (input.refreshToken === undefined) return false
  const sessionId = sessionIdOfToken(pepper, input.refreshToken)
  const [row] = sessionId === undefined ? [] : await tx.run(findSession, { sessionId })
  if (row?.agentId !== known.id || row.revokedAt !== null) return false
  return row.refreshHash === pepper.hash('refresh', input.refreshToken)
}

async function registerName(
  ctx: Context,
  tx: Transaction,
  input: Input,
  profile: RegistrationParams,
): Promise<AgentRow> {
  const { project, key } = ctx.principal
  const [created] = await tx.run(insertAgent, { ...profile, id: uuidv7(), project, name: input.name })
  if (created) {
    if (key) await consumeKeyUse(tx, key.id)
    return created
  }
  const [known] = await tx.run(findAgentByName, { project, name: input.name })
  if (!known) throw new Error(`agent "${input.name}" was deleted during its registration`)
  const same = await provesIdentity(ctx, tx, known, input, profile)
  // A tech-lead need not ask for the name of an unregistered agent. A wrong proof is still refused.
  const isFree = input.takeOver || (known.status === 'unregistered' && input.refreshToken === undefined)
  if (!(same || (isFree && isAllowed(ctx.principal, 'agents:remove')))) {
    throw new CoordinationError(
      'AGENT_NAME_TAKEN',
      `"${input.name}" is taken: choose another name, or register with the clientInstanceId and the credential, or with the refreshToken, of its registration`,
    )
  }
  // The same agent with the same key pays nothing: its first registration consumed the use, and an
  // exhausted key must not lock it out.
  if (key && !(same && known.credentialId === key.id)) await consumeKeyUse(tx, key.id)
  const [row] = await tx.run(startIncarnation, { ...profile, id: known.id })
  if (!row) throw new Error('the agent was deleted during the call')
  await revokeAgentSessions(tx, row.id)
  await deleteIdleSession(tx, row.id)
  // Fences the previous incarnation: its tokens are refused, its leases return to the queue and its
  // inbox goes to the new one.
  await releaseLeasesOfEarlierIncarnations(tx, row, { actor: row.id, reason: 'takeover' })
  tx.notify({ topic: 'incarnation', agentId: row.id, incarnation: row.incarnation })
  return row
}

async function registerIn(ctx: Context, tx: Transaction, input: Input, role: string, sessionId: string) {
  const { project } = ctx.principal
  const credentialId = await findCallerKeyId(tx, ctx.principal)
  const { clientInstanceId } = input
  const agent = await registerName(ctx, tx, input, {
    type: input.type,
    role,
    capabilities: JSON.stringify(input.capabilities),
    instanceHash: clientInstanceId === undefined ? null : ctx.identity.pepper.hash('instance', clientInstanceId),
    credentialId,
    metadata: JSON.stringify(input.metadata),
    now: tx.now,
  })
  const { id: agentId, name, type, capabilities, incarnation } = agent
  const session = { id: sessionId, project, agentId, incarnation, credentialId }
  const refreshToken = await createSession(tx, ctx.identity.pepper, session)
  const data = { name, type, role, capabilities: JSON.parse(capabilities), incarnation }
  tx.append({ type: 'agent.registered', subject: agentId, actor: agentId, data })
  return { agentId, name, type, incarnation, refreshToken }
}

/** `agents.register`: a new agent, or a new incarnation of a known one. */
export async function registerAgent(ctx: Context, input: Input): Promise<z.output<typeof agentRegisterOutput>> {
  const { project, role: ceiling } = ctx.principal
  const role = agentRole.parse(input.role ?? defaultRoleOf(input.type))
  if (!isRoleAtMost(role, ceiling))
    throw new CoordinationError('FORBIDDEN', `this credential may register agents up to the role ${ceiling}`)
  const sessionId = uuidv7()
  const agent = await ctx.transact((tx) => registerIn(ctx, tx, input, role, sessionId))
  const { agentId, name, type, incarnation, refreshToken } = agent
  const { capabilities } = input
  const subject = { agentId, name, type, role, capabilities, project, incarnation, sessionId }
  const { token, expiresAt, expiresInMs } = await ctx.identity.tokens.issue(subject)
  return { agentId, token, refreshToken, expiresAt: iso(expiresAt), expiresInMs, incarnation, role }
}
