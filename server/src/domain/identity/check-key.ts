import { role } from '@tony/mcp-shared/auth'
import { eq } from 'drizzle-orm'
import { isInBlockList, toBlockList } from '../../platform/cidr.ts'
import { type StatementParts, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import type { Services } from '../context.ts'
import type { Principal } from '../principal.ts'
import { bootstrapKeyId } from './bootstrap.ts'
import { parseKey } from './key-format.ts'
import { invalidTokenError } from './key-use.ts'
import { isSameHash } from './pepper.ts'

export type KeyRow = Tables['credentials']['$inferSelect']

export const findKey = statement(({ db, t, p }: StatementParts<{ keyId: string }>) =>
  db.select().from(t.credentials).where(eq(t.credentials.id, p.keyId)).prepare(),
)

function isAllowedAddress(cidrs: readonly string[], address: string | undefined): boolean {
  if (cidrs.length === 0) return true
  return address !== undefined && isInBlockList(toBlockList(cidrs), address)
}

/** Placeholder stored for external identities. It never equals a hash, so no key can match it. */
export const externalSecretHash = 'outside'

/**
 * Compared when the key does not exist, so that an unknown key takes the same time as a wrong
 * secret.
 */
const unknownHash = ''.padEnd(43, 'A')
const unknownKey = { secretHash: unknownHash, previousHash: null, previousUntil: null }

function isAcceptedSecret(
  row: Pick<KeyRow, 'secretHash' | 'previousHash' | 'previousUntil'>,
  secretHash: string,
  now: number,
): boolean {
  const current = isSameHash(secretHash, row.secretHash)
  const previous = isSameHash(secretHash, row.previousHash ?? unknownHash)
  return current || (previous && now < (row.previousUntil ?? 0))
}

/**
 * Returns the principal of an API key or of the bootstrap token. Throws UNAUTHENTICATED with one
 * message for every fault, and for a malformed key without a query.
 */
export async function checkKey(services: Services, text: string, address: string | undefined): Promise<Principal> {
  const key = parseKey(text)
  // A key with a wrong checksum was mistyped or made up.
  if (!key && text.startsWith('tck_')) throw invalidTokenError()
  const id = key?.id ?? bootstrapKeyId
  const secretHash = key
    ? services.identity.pepper.hash('key', id, key.secret)
    : services.identity.pepper.hash('bootstrap', text)
  const [row] = await services.store.read((reader) => reader.run(findKey, { keyId: id }))
  const now = services.now()
  // The secret comes first: only its holder reaches the checks of the key's state.
  if (!isAcceptedSecret(row ?? unknownKey, secretHash, now) || !row) throw invalidTokenError()
  const cidrs: readonly string[] = JSON.parse(row.cidrs)
  if (row.revokedAt !== null || row.expiresAt <= now || !isAllowedAddress(cidrs, address)) throw invalidTokenError()
  services.identity.keyUse.record(id, now)
  return {
    subject: `key:${id}`,
    project: row.projectId,
    role: role.parse(row.roleCeiling),
    capabilities: [],
    agent: undefined,
    key: { id, name: row.name, scopes: new Set<string>(JSON.parse(row.scopes)) },
    expiresAt: row.expiresAt,
  }
}
