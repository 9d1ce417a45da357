import { CoordinationError } from '@tony/mcp-shared/errors'
import type { systemBackupOutput } from '@tony/mcp-shared/system'
import type { z } from 'zod'
import type { Context } from '../../domain/context.ts'

/**
 * `system.backup`: writes one more file and checks it before the reply. Refused where the database
 * is not a file. Does not prune; pruning is the operator's job.
 */
export async function backUpSystem(ctx: Context): Promise<z.output<typeof systemBackupOutput>> {
  if (!ctx.backupRunner) {
    const message =
      'this server has no file to back up: its database is a PostgreSQL, back it up with pg_dump or an archive of its log'
    throw new CoordinationError('METHOD_NOT_ALLOWED', message)
  }
  const { path, manifest } = await ctx.backupRunner.run()
  const { bytes, sha256, createdAt, schema, epoch, feeds } = manifest
  const seq = feeds.find((feed) => feed.project === ctx.principal.project)?.seq ?? 0
  return { path, bytes, sha256, createdAt, schema, epoch, seq }
}
