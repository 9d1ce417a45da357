import { rmSync } from 'node:fs'
import { defaultProject } from '@tony/mcp-shared/projects'
import { and, eq, gt, isNull, like, ne, or, sql } from 'drizzle-orm'
import { replaceFile } from '../../store/file-sync.ts'
import type { Reader, Store } from '../../store/store.ts'
import { newSecret } from './key-format.ts'
import { type Pepper, readSecret } from './pepper.ts'

/**
 * Id of the bootstrap token's row among the keys. The token has another form than a key and does
 * not contain the id.
 */
export const bootstrapId = 'bootstrap000'

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

async function hasAdmin({ db, t, now }: Reader): Promise<boolean> {
  const { id, roleCeiling, scopes, revokedAt, expiresAt } = t.credentials
  const managesKeys = or(like(scopes, '%"*"%'), like(scopes, '%"keys:write"%'))
  const [row] = await db
    .select({ id })
    .from(t.credentials)
    .where(and(ne(id, bootstrapId), eq(roleCeiling, 'admin'), managesKeys, isNull(revokedAt), gt(expiresAt, now)))
    .limit(1)
  return row !== undefined
}

/**
 * The access to a server without an administrator: a token in a file, valid for one hour and one
 * use. `auth.keys.create` exchanges it for an admin key. A reader of the file could read the
 * database too.
 */
export class Bootstrap {
  readonly #ownFile: string

  constructor(ownFile: string) {
    this.#ownFile = ownFile
  }

  static async issueToken({ store, pepper, givenFile, ownFile }: BootstrapOptions): Promise<BootstrapState> {
    if (await store.read(hasAdmin)) {
      rmSync(ownFile, { force: true })
      return { state: 'not_needed' }
    }
    const token = givenFile === undefined ? `tcb_${newSecret()}` : readSecret('MCP_BOOTSTRAP_TOKEN_FILE', givenFile)
    const file = givenFile ?? ownFile
    const secretHash = pepper.hash('bootstrap', token)
    const row = await store.transact({ project: '' }, async ({ db, t, now }) => {
      const [project] = await db
        .select({ id: t.projects.id })
        .from(t.projects)
        .where(eq(t.projects.name, defaultProject))
      const { credentials } = t
      const [issued] = await db
        .insert(credentials)
        .values({
          id: bootstrapId,
          projectId: project?.id ?? '',
          name: 'bootstrap',
          secretHash,
          scopes: '["keys:write"]',
          roleCeiling: 'admin',
          cidrs: '[]',
          createdAt: now,
          expiresAt: now + tokenLifetimeMs,
        })
        .onConflictDoUpdate({
          target: credentials.id,
          set: {
            secretHash,
            // A used token stays used, although its file is still there.
            revokedAt: sql`case when ${credentials.secretHash} = ${secretHash} then ${credentials.revokedAt} end`,
            expiresAt: now + tokenLifetimeMs,
          },
        })
        .returning({ revokedAt: credentials.revokedAt, expiresAt: credentials.expiresAt })
      return issued
    })
    if (!row || row.revokedAt !== null) return { state: 'spent', file }
    if (givenFile === undefined) {
      replaceFile(ownFile, `${token}\n`)
    }
    return { state: 'armed', file, expiresAt: row.expiresAt }
  }

  /** Deletes the file after the exchange of its token. */
  deleteTokenFile(): void {
    rmSync(this.#ownFile, { force: true })
  }
}
