import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq } from 'drizzle-orm'
import { iso } from '../../../platform/times.ts'
import type { NewEvent, Reader } from '../../../store/store.ts'
import type { Parts } from '../../context.ts'
import type { Principal } from '../../principal.ts'
import { findKey, type KeyRow, outsideSecret } from '../check-key.ts'
import { keyIdFrom } from '../key-text.ts'
import type { Vouched } from './issuers.ts'

/** Its tokens end; the identity does not. */
const foreverMs = 100 * 365 * 86_400_000

async function projectIdOf({ db, t }: Reader, name: string): Promise<string> {
  const [row] = await db.select({ id: t.projects.id }).from(t.projects).where(eq(t.projects.name, name))
  if (!row) throw new CoordinationError('FORBIDDEN', `the project ${name}, which a rule gives, does not exist`)
  return row.id
}

const isAsWanted = (row: KeyRow | undefined, wanted: Partial<KeyRow>): row is KeyRow =>
  row !== undefined &&
  row.projectId === wanted.projectId &&
  row.scopes === wanted.scopes &&
  row.roleCeiling === wanted.roleCeiling

const created = (
  { id, name, projectId, roleCeiling, maxUses, expiresAt }: KeyRow,
  scopes: readonly string[],
): NewEvent => ({
  type: 'key.created',
  subject: null,
  actor: null,
  audience: [],
  data: { keyId: id, name, project: projectId, scopes, roleCeiling, maxUses, expiresAt: iso(expiresAt) },
})

/**
 * Who a vouched identity is here: a key without a secret, made when it first comes. So it is listed with the keys, and
 * revoking it there ends it like a key: its calls, the agents it registered, on every replica, in their transactions.
 */
export async function admit(parts: Parts, { issuer, subject, rule, expiresAt }: Vouched): Promise<Principal> {
  const { store, pepper } = parts
  const id = keyIdFrom(Buffer.from(pepper.hash('outside', issuer.issuer, subject), 'base64url'))
  const name = `${issuer.name}: ${subject}`.slice(0, 200)
  const [known, projectId] = await store.read(async (reader) => [
    (await reader.run(findKey, { keyId: id }))[0],
    await projectIdOf(reader, rule.project),
  ])
  const given = { projectId, scopes: JSON.stringify(rule.scopes), roleCeiling: rule.role }
  const row = isAsWanted(known, given)
    ? known
    : await store.transact({ project: projectId }, async (tx) => {
        const { db, now } = tx
        const c = tx.t.credentials
        const made = { id, name, secretHash: outsideSecret, cidrs: '[]', createdAt: now, expiresAt: now + foreverMs }
        const [kept] = await db
          .insert(c)
          .values({ ...made, ...given })
          .onConflictDoUpdate({ target: c.id, set: given })
          .returning()
        if (kept && !known) tx.append(created(kept, rule.scopes))
        return kept
      })
  if (!row || row.revokedAt !== null)
    throw new CoordinationError('TOKEN_REVOKED', 'this identity has been revoked on this server')
  parts.keyUse.note(id, parts.now())
  return {
    subject: `key:${id}`,
    project: projectId,
    role: rule.role,
    capabilities: [],
    agent: undefined,
    key: { id, name, scopes: new Set<string>(rule.scopes) },
    expiresAt,
  }
}

/** Who a token speaks for, one of ours or of an outside issuer. */
export const verifyToken = (parts: Parts, token: string): Promise<Principal> =>
  parts.issuers.claims(token)
    ? parts.issuers.verify(token, (vouched) => admit(parts, vouched))
    : parts.tokens.verify(token)
