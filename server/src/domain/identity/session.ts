import { and, eq, isNull } from 'drizzle-orm'
import { type Reader, type StatementParts, statement, type Transaction } from '../../store/store.ts'
import type { Principal } from '../principal.ts'
import type { Pepper } from './pepper.ts'
import { newRefreshToken } from './refresh-token.ts'

interface NewSession {
  id: string
  project: string
  agentId: string
  incarnation: number
  credentialId: string | null
  refreshHash: string
  now: number
}

const insertSession = statement(({ db, t, p }: StatementParts<NewSession>) =>
  db
    .insert(t.sessions)
    .values({
      id: p.id,
      projectId: p.project,
      agentId: p.agentId,
      incarnation: p.incarnation,
      credentialId: p.credentialId,
      refreshHash: p.refreshHash,
      createdAt: p.now,
      refreshedAt: p.now,
    })
    .returning({ id: t.sessions.id })
    .prepare(),
)

/** Creates a session and returns its first refresh token. */
export async function createSession(
  tx: Transaction,
  pepper: Pepper,
  session: Omit<NewSession, 'refreshHash' | 'now'>,
): Promise<string> {
  const refreshToken = newRefreshToken(pepper, session.id)
  await tx.run(insertSession, { ...session, refreshHash: pepper.hash('refresh', refreshToken), now: tx.now })
  return refreshToken
}

export const findSession = statement(({ db, t, p }: StatementParts<{ sessionId: string }>) =>
  db.select().from(t.sessions).where(eq(t.sessions.id, p.sessionId)).prepare(),
)

const markSessionRevoked = statement(({ db, t, p }: StatementParts<{ sessionId: string; now: number }>) =>
  db
    .update(t.sessions)
    .set({ revokedAt: p.now })
    .where(and(eq(t.sessions.id, p.sessionId), isNull(t.sessions.revokedAt)))
    .returning({ id: t.sessions.id, agentId: t.sessions.agentId })
    .prepare(),
)

const markAgentSessionsRevoked = statement(({ db, t, p }: StatementParts<{ agentId: string; now: number }>) =>
  db
    .update(t.sessions)
    .set({ revokedAt: p.now })
    .where(and(eq(t.sessions.agentId, p.agentId), isNull(t.sessions.revokedAt)))
    .returning({ id: t.sessions.id, agentId: t.sessions.agentId })
    .prepare(),
)

const markKeySessionsRevoked = statement(({ db, t, p }: StatementParts<{ keyId: string; now: number }>) =>
  db
    .update(t.sessions)
    .set({ revokedAt: p.now })
    .where(and(eq(t.sessions.credentialId, p.keyId), isNull(t.sessions.revokedAt)))
    .returning({ id: t.sessions.id, agentId: t.sessions.agentId })
    .prepare(),
)

type RevokedSessions = readonly { readonly id: string; readonly agentId: string }[]

/** Revokes one session. Returns the sessions that this call ended: none if it had ended before. */
export async function revokeSession(tx: Transaction, sessionId: string): Promise<RevokedSessions> {
  return notifyRevoked(tx, await tx.run(markSessionRevoked, { sessionId, now: tx.now }))
}

/** Revokes every session of an agent. */
export async function revokeAgentSessions(tx: Transaction, agentId: string): Promise<RevokedSessions> {
  return notifyRevoked(tx, await tx.run(markAgentSessionsRevoked, { agentId, now: tx.now }))
}

/** Revokes every session that began with a key, and notifies that the key itself is revoked. */
export async function revokeSessionsOfKey(tx: Transaction, keyId: string): Promise<RevokedSessions> {
  const revoked = await tx.run(markKeySessionsRevoked, { keyId, now: tx.now })
  tx.notify({ topic: 'revoked', sessions: revoked.map(({ id }) => id), key: keyId })
  return revoked
}

function notifyRevoked(tx: Transaction, revoked: RevokedSessions): RevokedSessions {
  if (revoked.length > 0) tx.notify({ topic: 'revoked', sessions: revoked.map(({ id }) => id) })
  return revoked
}

/**
 * Returns the id of the caller's key, or of the key its session began with; null for a developer in
 * dev mode and for the agents the developer registered.
 */
export async function findCallerKeyId(reader: Reader, { key, sessionId }: Principal): Promise<string | null> {
  if (key) return key.id
  if (sessionId === undefined) return null
  const [row] = await reader.run(findSession, { sessionId })
  return row?.credentialId ?? null
}
