import { rmSync } from 'node:fs'
import { defaultProject } from '@tony/mcp-shared/projects'
import { and, eq, gt, isNull, like, ne, or, sql } from 'drizzle-orm'
import { errorCodeOf, replaceFile } from '../../store/file-sync.ts'
import type { Reader, Store, Transaction } from '../../store/store.ts'
import { newKeySecret } from './key-format.ts'
import { type Pepper, readSecretFile } from './pepper.ts'

/**
 * Id of the bootstrap token's row among the keys. The token has another form than a key and does
 * not contain the id.
 */
export const bootstrapKeyId = 'bootstrap000'

const tokenLifetimeMs = 3_600_000

export interface BootstrapOptions {
  readonly store: Store
  readonly pepper: Pepper
  /** A file with a token that the operator made; undefined makes the server create its own. */
  readonly givenFile: string | undefined
  readonly ownFile: string
}

/** The state of the bootstrap token after the start. */
export type BootstrapState =
  | { readonly state: 'not_needed' }
  | { readonly state: 'armed'; readonly file: string; readonly expiresAt: number }
  /** The token of the given file has been exchanged before. */
  | { readonly state: 'spent'; readonly file: string }
  /** The file of the token cannot be written, so nobody can read the token. */
  | { readonly state: 'unwritable'; readonly file: string; readonly errorCode: string }

async function hasAdminKey({ db, t, now }: Reader): Promise<boolean> {
  const { id, roleCeiling, scopes, revokedAt, expiresAt } = t.credentials
  const managesKeys = or(like(scopes, '%"*"%'), like(scopes, '%"keys:write"%'))
  const [row] = await db
    .select({ id })
    .from(t.credentials)
    .where(and(ne(id, bootstrapKeyId), eq(roleCeiling, 'admin'), managesKeys, isNull(revokedAt), gt(expiresAt, now)))
    .limit(1)
  return row !== undefined
}

/** Name of the random value in the database from which the pepper makes the token. */
const seedName = 'bootstrap seed'

/**
 * Replicas make the same token, because the seed and the pepper are the same for all of them. The
 * database alone is not enough to make it.
 */
const tokenOf = (pepper: Pepper, seed: string): string => `tcb_${pepper.hash('bootstrap token', seed)}`

/** Locks the seed's row until the commit, so that replicas that start together agree on one. */
async function lockSeed({ db, t: { storeFacts } }: Transaction): Promise<string> {
  const seed = newKeySecret()
  await db.insert(storeFacts).values({ name: seedName, value: seed }).onConflictDoNothing()
  const [row] = await db
    .update(storeFacts)
    .set({ value: sql`${storeFacts.value}` })
    .where(eq(storeFacts.name, seedName))
    .returning({ value: storeFacts.value })
  return row?.value ?? seed
}

/** Makes the token with this hash the bootstrap token for an hour. */
async function saveToken({ db, t, now }: Transaction, secretHash: string) {
  const [project] = await db.select({ id: t.projects.id }).from(t.projects).where(eq(t.projects.name, defaultProject))
  const { credentials } = t
  const expiresAt = now + tokenLifetimeMs
  const [row] = await db
    .insert(credentials)
    .values({
      id: bootstrapKeyId,
      projectId: project?.id ?? '',
      name: 'bootstrap',
      secretHash,
      scopes: '["keys:write"]',
      roleCeiling: 'admin',
      cidrs: '[]',
      createdAt: now,
      expiresAt,
    })
    .onConflictDoUpdate({
      target: credentials.id,
      set: {
        secretHash,
        // A used token stays used, although its file is still there.
        revokedAt: sql`case when ${credentials.secretHash} = ${secretHash} then ${credentials.revokedAt} end`,
        expiresAt,
      },
    })
    .returning({ revokedAt: credentials.revokedAt })
  return { isSpent: row?.revokedAt !== null, expiresAt }
}

async function acceptGivenToken({ store, pepper }: BootstrapOptions, file: string): Promise<BootstrapState> {
  const secretHash = pepper.hash('bootstrap', readSecretFile('MCP_BOOTSTRAP_TOKEN_FILE', file))
  const { isSpent, expiresAt } = await store.transact({ project: '' }, (tx) => saveToken(tx, secretHash))
  return isSpent ? { state: 'spent', file } : { state: 'armed', file, expiresAt }
}

/** Returns the valid token, or makes one if there is neither a valid token nor an admin key. */
async function ensureOwnTokenIn(tx: Transaction, pepper: Pepper) {
  const { credentials, storeFacts } = tx.t
  const token = tokenOf(pepper, await lockSeed(tx))
  const [valid] = await tx.db
    .select({ expiresAt: credentials.expiresAt })
    .from(credentials)
    .where(
      and(
        eq(credentials.id, bootstrapKeyId),
        eq(credentials.secretHash, pepper.hash('bootstrap', token)),
        isNull(credentials.revokedAt),
        gt(credentials.expiresAt, tx.now),
      ),
    )
  if (valid) return { token, ...valid }
  // After the token: its exchange by another replica commits the admin key with the token's end.
  if (await hasAdminKey(tx)) return undefined
  const seed = newKeySecret()
  await tx.db.update(storeFacts).set({ value: seed }).where(eq(storeFacts.name, seedName))
  const next = tokenOf(pepper, seed)
  const { expiresAt } = await saveToken(tx, pepper.hash('bootstrap', next))
  return { token: next, expiresAt }
}

async function issueGeneratedToken({ store, pepper, ownFile: file }: BootstrapOptions): Promise<BootstrapState> {
  const issued = await store.transact({ project: '' }, (tx) => ensureOwnTokenIn(tx, pepper))
  if (!issued) return { state: 'not_needed' }
  try {
    replaceFile(file, `${issued.token}\n`)
  } catch (error) {
    const errorCode = errorCodeOf(error)
    if (errorCode === undefined) throw error
    return { state: 'unwritable', file, errorCode }
  }
  return { state: 'armed', file, expiresAt: issued.expiresAt }
}

/**
 * The access to a server without an administrator: a token in a file, valid for one hour and one
 * use, and one for all replicas of a database. `auth.keys.create` exchanges it for an admin key. A
 * reader of the file could read the database too.
 */
export class Bootstrap {
  readonly #ownFile: string

  constructor(ownFile: string) {
    this.#ownFile = ownFile
  }

  static async issueToken(options: BootstrapOptions): Promise<BootstrapState> {
    if (await options.store.read(hasAdminKey)) {
      tryDeleteTokenFile(options.ownFile)
      return { state: 'not_needed' }
    }
    return options.givenFile === undefined ? issueGeneratedToken(options) : acceptGivenToken(options, options.givenFile)
  }

  /** Deletes the file after the exchange of its token. */
  deleteTokenFile(): void {
    tryDeleteTokenFile(this.#ownFile)
  }
}

/** Deletes the file of a used token. It may stay: a failure must not cost the caller its key. */
function tryDeleteTokenFile(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch (error) {
    if (errorCodeOf(error) === undefined) throw error
  }
}
