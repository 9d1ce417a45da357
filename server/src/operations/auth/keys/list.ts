import type { keyListInput, keyListOutput } from '@tony/mcp-shared/auth'
import { and, desc, gt, isNull, ne } from 'drizzle-orm'
import type { z } from 'zod'
import type { Context } from '../../../domain/context.ts'
import { bootstrapKeyId } from '../../../domain/identity/bootstrap.ts'
import { toApiKey } from './serialize.ts'

/** `auth.keys.list`: the keys of all projects, because an admin belongs to all of them. */
export const listKeys = (
  ctx: Context,
  { all, limit }: z.output<typeof keyListInput>,
): Promise<z.output<typeof keyListOutput>> =>
  ctx.read(async ({ db, t: { credentials: c }, now }) => {
    const live = all ? [] : [isNull(c.revokedAt), gt(c.expiresAt, now)]
    const rows = await db
      .select()
      .from(c)
      .where(and(ne(c.id, bootstrapKeyId), ...live))
      .orderBy(desc(c.createdAt), desc(c.id))
      .limit(limit)
    return { keys: rows.map(toApiKey) }
  })
