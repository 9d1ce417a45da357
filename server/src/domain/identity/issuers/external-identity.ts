import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq } from 'drizzle-orm'
import { iso } from '../../../platform/times.ts'
import type { NewEvent } from '../../../store/event-log/new-event.ts'
import type { Reader } from '../../../store/store.ts'
import type { OperationServices } from '../../context.ts'
import type { Principal } from '../../principal.ts'
import { externalSecretHash, findKey, type KeyRow } from '../check-key.ts'
import { keyIdFrom } from '../key-format.ts'
import type { ExternalIdentity } from './issuers.ts'

/** The tokens of an external identity expire; the identity does not. */
const identityLifetimeMs = 100 * 365 * 86_400_000

async function requireProjectId({ db, t }: Reader, name: string): Promise<string> {
  const [row] = await db.select({ id: t.projects.id }).from(t.projects).where(eq(t.projects.name, name))
  if (!row) throw new CoordinationError('FORBIDDEN', `the project ${name}, which a rule gives, does not exist`)
  return row.id
}

const matchesRule = (row: KeyRow | undefined, expected: Partial<KeyRow>): row is KeyRow =>
  row !== undefined &&
  row.projectId === expected.projectId &&
  row.scopes === expected.scopes &&
  row.roleCeiling === expected.roleCeiling

const keyCreatedEvent = (
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
 * Returns the principal of an external identity. Its first call creates a key without a secret, so
 * the identity is listed with the keys. Revoking that key ends the calls of the identity and the
 * sessions of the agents it registered, on every replica and in open transactions.
 */
export async function registerExternalIdentity(
  services: OperationServices,
  { issuer, subject, rule, expiresAt }: ExternalIdentity,
): Promise<Principal> {
  const {
    store,
    identity: { pepper },
  } = services
  const id = keyIdFrom(Buffer.from(pepper.hash('outside', issuer.issuer, subject), 'base64url'))
  const name = `${issuer.name}: ${subject}`.slice(0, 200)
  const [existing, projectId] = await store.read(async (reader) => [
    (await reader.run(findKey, { keyId: id }))[0],
    await requireProjectId(reader, rule.project),
  ])
  const fromRule = { projectId, scopes: JSON.stringify(rule.scopes), roleCeiling: rule.role }
  const row = matchesRule(existing, fromRule)
    ? existing
    : await store.transact({ project: projectId }, async (tx) => {
        const { db, now } = tx
        const c = tx.t.credentials
        const newKey = {
          id,
          name,
          secretHash: externalSecretHash,
          cidrs: '[]',
          createdAt: now,
          expiresAt: now + identityLifetimeMs,
        }
        const [stored] = await db
          .insert(c)
          .values({ ...newKey, ...fromRule })
          .onConflictDoUpdate({ target: c.id, set: fromRule })
          .returning()
        if (stored && !existing) tx.append(keyCreatedEvent(stored, rule.scopes))
        return stored
      })
  if (!row || row.revokedAt !== null)
    throw new CoordinationError('TOKEN_REVOKED', 'this identity has been revoked on this server')
  services.identity.keyUse.record(id, services.now())
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

/** Returns the principal of a token of this server or of an outside issuer. */
export const checkToken = (services: OperationServices, token: string): Promise<Principal> =>
  services.identity.issuers.hasIssuerOf(token)
    ? services.identity.issuers.checkToken(token, (identity) => registerExternalIdentity(services, identity))
    : services.identity.tokens.checkToken(token)
