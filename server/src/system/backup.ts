import type { systemBackupOutput } from '@tony/mcp-shared/system'
import type { z } from 'zod'
import type { Context } from '../context.ts'

/** `system.backup`: one more file, proven before this is answered. Removes none: how many are kept is for who keeps them. */
export async function systemBackup(ctx: Context): Promise<z.output<typeof systemBackupOutput>> {
  const { path, manifest } = await ctx.backups.make()
  const { bytes, sha256, createdAt, schema, epoch, feeds } = manifest
  const seq = feeds.find((feed) => feed.project === ctx.principal.project)?.seq ?? 0
  return { path, bytes, sha256, createdAt, schema, epoch, seq }
}
