import type { keyCreateInput, keyCreateOutput } from '@tony/mcp-shared/auth'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../../domain/context.ts'
import { bootstrapKeyId } from '../../../domain/identity/bootstrap.ts'
import { formatKey, newKeyId, newKeySecret } from '../../../domain/identity/key-format.ts'
import { consumeKeyUse } from '../../../domain/identity/key-use.ts'
import { actorOf } from '../../../domain/principal.ts'
import { iso } from '../../../platform/times.ts'
import type { Transaction } from '../../../store/store.ts'
import { revokeKeyIn } from './revoke.ts'
import { toApiKey } from './serialize.ts'

type Input = z.output<typeof keyCreateInput>

async function findProjectId({ db, t }: Transaction, name: string): Promise<string> {
  const [row] = await db.select({ id: t.projects.id }).from(t.projects).where(eq(t.projects.name, name))
  if (!row) throw new CoordinationError('NOT_FOUND', `Project ${name} not found`)
  return row.id
}

/**
 * Exchanges the bootstrap token, which is good for one key. That key must be able to create others,
 * or the server would have no administrator.
 */
async function consumeBootstrapToken(tx: Transaction, { roleCeiling, scopes }: Input): Promise<void> {
  if (roleCeiling !== 'admin' || !(scopes.includes('*') || scopes.includes('keys:write')))
    throw new CoordinationError(
      'INVALID_INPUT',
      'the bootstrap token is exchanged for an admin key: { roleCeiling: "admin", scopes: ["*"] }',
    )
  await consumeKeyUse(tx, bootstrapKeyId)
  await revokeKeyIn(tx, bootstrapKeyId)
}

/** `auth.keys.create`: the only reply that contains the key. */
export async function createKey(ctx: Context, input: Input): Promise<z.output<typeof keyCreateOutput>> {
  const isBootstrap = ctx.principal.key?.id === bootstrapKeyId
  const [id, secret] = [newKeyId(), newKeySecret()]
  const created = await ctx.transact(async (tx) => {
    if (isBootstrap) await consumeBootstrapToken(tx, input)
    const projectId = input.project === undefined ? ctx.principal.project : await findProjectId(tx, input.project)
    const { name, roleCeiling, scopes, maxUses = null } = input
    const [row] = await tx.db
      .insert(tx.t.credentials)
      .values({
        id,
        projectId,
        name,
        secretHash: ctx.identity.pepper.hash('key', id, secret),
        scopes: JSON.stringify(scopes),
        roleCeiling,
        maxUses,
        cidrs: JSON.stringify(input.cidrs),
        createdAt: tx.now,
        expiresAt: tx.now + input.lifeMs,
      })
      .returning()
    if (!row) throw new Error('the insert of the key returned no row')
    const data = { keyId: id, name, project: projectId, scopes, roleCeiling, maxUses, expiresAt: iso(row.expiresAt) }
    tx.append({ type: 'key.created', subject: null, actor: actorOf(ctx.principal), audience: [], data })
    return toApiKey(row)
  })
  if (isBootstrap) ctx.identity.bootstrap.deleteTokenFile()
  return { ...created, key: formatKey(id, secret) }
}
