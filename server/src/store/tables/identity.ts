import { sql } from 'drizzle-orm'
import type { AgentTables } from './agents.ts'
import type { Columns } from './columns.ts'

/** Credentials, sessions and denials. */
export function defineIdentityTables(c: Columns, { projects, agents }: AgentTables) {
  /** API keys. Only the keyed hash of a secret is stored. */
  const credentials = c.table(
    'credentials',
    {
      id: c.text('id').primaryKey(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      name: c.text('name').notNull(),
      secretHash: c.text('secret_hash').notNull(),
      /** Hash of the secret before the last rotation, and the time until which it is valid too. */
      previousHash: c.text('previous_hash'),
      previousUntil: c.integer('previous_until'),
      scopes: c.text('scopes').notNull(),
      roleCeiling: c.text('role_ceiling').notNull(),
      maxUses: c.integer('max_uses'),
      uses: c.integer('uses').notNull().default(0),
      cidrs: c.text('cidrs').notNull(),
      createdAt: c.integer('created_at').notNull(),
      expiresAt: c.integer('expires_at').notNull(),
      lastUsedAt: c.integer('last_used_at'),
      revokedAt: c.integer('revoked_at'),
    },
    (t) => [
      c.check('credentials_uses', sql`${t.maxUses} is null or ${t.uses} <= ${t.maxUses}`),
      c.index('credentials_revoked').on(t.revokedAt).where(sql`revoked_at is not null`),
    ],
  )

  /** Sessions. Each has one valid refresh token and keeps the previous one for a retry. */
  const sessions = c.table(
    'sessions',
    {
      id: c.text('id').primaryKey(),
      projectId: c
        .text('project_id')
        .notNull()
        .references(() => projects.id),
      agentId: c
        .text('agent_id')
        .notNull()
        .references(() => agents.id),
      incarnation: c.integer('incarnation').notNull(),
      /** Key that opened the session; null for the developer of dev mode. */
      credentialId: c.text('credential_id').references(() => credentials.id),
      refreshHash: c.text('refresh_hash').notNull(),
      /** Hashes of the exchanged token and of the nonce of that exchange. */
      parentHash: c.text('parent_hash'),
      nonceHash: c.text('nonce_hash'),
      createdAt: c.integer('created_at').notNull(),
      refreshedAt: c.integer('refreshed_at').notNull(),
      revokedAt: c.integer('revoked_at'),
    },
    (t) => [
      c.index('sessions_agent').on(t.agentId, t.incarnation),
      c.index('sessions_project').on(t.projectId, t.id),
      c.index('sessions_credential').on(t.credentialId),
      c.index('sessions_revoked').on(t.revokedAt).where(sql`revoked_at is not null`),
    ],
  )

  /** Calls that were refused because of their caller. Rows are never changed. */
  const denials = c.table(
    'denials',
    {
      ord: c.identity('ord'),
      /** Null if the caller had no valid credential. */
      projectId: c.text('project_id'),
      at: c.integer('at').notNull(),
      subject: c.text('subject'),
      path: c.text('path').notNull(),
      code: c.text('code').notNull(),
      address: c.text('address'),
      requestId: c.text('request_id').notNull(),
      count: c.integer('count').notNull(),
    },
    (t) => [c.index('denials_project').on(t.projectId, t.ord)],
  )

  return { credentials, sessions, denials }
}
