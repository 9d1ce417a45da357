import { rmSync, writeFileSync } from 'node:fs'
import { defaultProject } from '@tony/mcp-shared/projects'
import { and, eq, gt, isNull, like, ne, or, sql } from 'drizzle-orm'
import type { Reader, Store } from '../../store/store.ts'
import { newSecret } from './key-text.ts'
import { type Pepper, readSecret } from './pepper.ts'

/** Where the bootstrap token stands among the keys. It has no other form of a key: nobody shows this id. */
export const bootstrapId = 'bootstrap000'

const lifeMs = 3_600_000

export interface BootstrapOptions {
  readonly store: Store
  readonly pepper: Pepper
  /** A file with a token somebody else made; without one the server makes its own. */
  readonly given: string | undefined
  readonly own: string
}

/** What there is of it after the start. */
export type Armed =
  | { readonly state: 'not needed' }
  | { readonly state: 'armed'; readonly file: string; readonly expiresAt: number }
  /** The token of the given file was exchanged before. */
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
 * The way in to a server that nobody can administer: a token in a file, good once and for an hour, to be exchanged for an
 * admin key by `auth.keys.create`. Whoever can read the file could read the database too.
 */
export class Bootstrap {
  readonly #own: string

  constructor(own: string) {
    this.#own = own
  }

  static async arm({ store, pepper, given, own }: BootstrapOptions): Promise<Armed> {
    if (await store.read(hasAdmin)) {
      rmSync(own, { force: true })
      return { state: 'not needed' }
    }
    const token = given === undefined ? `tcb_${newSecret()}` : readSecret('MCP_BOOTSTRAP_TOKEN_FILE', given)
    const file = given ?? own
    const secretHash = pepper.hash('bootstrap', token)
    const row = await store.transact({ project: '' }, async ({ db, t, now }) => {
      const [project] = await db
        .select({ id: t.projects.id })
        .from(t.projects)
        .where(eq(t.projects.name, defaultProject))
      const { credentials } = t
      const [armed] = await db
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
          expiresAt: now + lifeMs,
        })
        .onConflictDoUpdate({
          target: credentials.id,
          set: {
            secretHash,
            // The token that was used once stays used, though its file is still there.
            revokedAt: sql`case when ${credentials.secretHash} = ${secretHash} then ${credentials.revokedAt} end`,
            expiresAt: now + lifeMs,
          },
        })
        .returning({ revokedAt: credentials.revokedAt, expiresAt: credentials.expiresAt })
      return armed
    })
    if (!row || row.revokedAt !== null) return { state: 'spent', file }
    if (given === undefined) {
      rmSync(own, { force: true })
      writeFileSync(own, `${token}\n`, { mode: 0o600, flag: 'wx' })
    }
    return { state: 'armed', file, expiresAt: row.expiresAt }
  }

  /** It has been exchanged: the file is of no use any more. */
  spent(): void {
    rmSync(this.#own, { force: true })
  }
}
