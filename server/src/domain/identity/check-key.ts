import { role } from '@tony/mcp-shared/auth'
import { eq } from 'drizzle-orm'
import { isInBlockList, toBlockList } from '../../platform/cidr.ts'
import { type Query, statement } from '../../store/store.ts'
import type { Tables } from '../../store/tables/tables.ts'
import type { Services } from '../context.ts'
import type { Principal } from '../principal.ts'
import { bootstrapId } from './bootstrap.ts'
import { parseKey } from './key-format.ts'
import { invalidToken } from './key-use.ts'
import { sameHash } from './pepper.ts'

export type KeyRow = Tables['credentials']['$inferSelect']

export const findKey = statement(({ db, t, p }: Query<{ keyId: string }>) =>
  db.select().from(t.credentials).where(eq(t.credentials.id, p.keyId)).prepare(),
)

function isAllowedAddress(cidrs: readonly string[], address: string | undefined): boolean {
  if (cidrs.length === 0) return true
  return address !== undefined && isInBlockList(toBlockList(cidrs), address)
}

/** Where the hash of a secret would be, of whom an outside issuer vouches for: no hash is like it, so no key opens it. */
export const externalSecret = 'outside'

/** Compared with when there is no such key: one that is unknown takes as long as one whose secret is wrong. */
const unknownHash = ''.padEnd(43, 'A')
const unknownKey = { secretHash: unknownHash, previousHash: null, previousUntil: null }

function isCurrentSecret(
  row: Pick<KeyRow, 'secretHash' | 'previousHash' | 'previousUntil'>,
  secretHash: string,
  now: number,
): boolean {
  const current = sameHash(secretHash, row.secretHash)
  const previous = sameHash(secretHash, row.previousHash ?? unknownHash)
  return current || (previous && now < (row.previousUntil ?? 0))
}

/**
 * Who an API key, or the bootstrap token, speaks for. Throws UNAUTHENTICATED, in the same words for whatever is wrong with
 * it, also where that is known without a look into the database.
 */
export async function checkKey(services: Services, text: string, address: string | undefined): Promise<Principal> {
  const key = parseKey(text)
  // A key that fails its checksum was mistyped or made up.
  if (!key && text.startsWith('tck_')) throw invalidToken()
  const id = key?.id ?? bootstrapId
  const secretHash = key
    ? services.identity.pepper.hash('key', id, key.secret)
    : services.identity.pepper.hash('bootstrap', text)
  const [row] = await services.store.read((reader) => reader.run(findKey, { keyId: id }))
  const now = services.now()
  // Before anything else is looked at: what more there is to say of a key, only whoever has its secret makes us look at.
  if (!isCurrentSecret(row ?? unknownKey, secretHash, now) || !row) throw invalidToken()
  const cidrs: readonly string[] = JSON.parse(row.cidrs)
  if (row.revokedAt !== null || row.expiresAt <= now || !isAllowedAddress(cidrs, address)) throw invalidToken()
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
