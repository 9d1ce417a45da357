import { CoordinationError } from '@tony/mcp-shared/errors'
import { type artifacts, maxArtifactsPerTask } from '@tony/mcp-shared/tasks'
import { eq, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { type StatementParts, statement, type Transaction } from '../../store/store.ts'

interface ArtifactParams {
  taskId: string
  name: string
  uri: string
  sha256: string | null
  bytes: number | null
  mediaType: string | null
  attempt: number
  now: number
}

const upsertArtifact = statement(({ db, t, p }: StatementParts<ArtifactParams>) => {
  const { uri, sha256, bytes, mediaType, attempt, now: at } = p
  return db
    .insert(t.artifacts)
    .values({ taskId: p.taskId, name: p.name, uri, sha256, bytes, mediaType, attempt, at })
    .onConflictDoUpdate({
      target: [t.artifacts.taskId, t.artifacts.name],
      set: { uri, sha256, bytes, mediaType, attempt, at },
    })
    .returning({ name: t.artifacts.name })
    .prepare()
})

const updateArtifactCount = statement(({ db, t, p }: StatementParts<{ taskId: string }>) => {
  const counted = db.select({ n: sql`count(*)` }).from(t.artifacts).where(eq(t.artifacts.taskId, p.taskId))
  return db
    .update(t.tasks)
    .set({ artifacts: sql`(${counted})` })
    .where(eq(t.tasks.id, p.taskId))
    .returning({ artifacts: t.tasks.artifacts })
    .prepare()
})

/**
 * Stores the artifacts of an attempt. A name that the task has already is replaced. Call it after
 * the statement that has proved the lease.
 */
export async function saveArtifacts(
  tx: Transaction,
  { id: taskId, attempt }: { readonly id: string; readonly attempt: number },
  newArtifacts: z.output<typeof artifacts> | undefined,
): Promise<void> {
  if (newArtifacts === undefined || newArtifacts.length === 0) return
  for (const { name, uri, sha256 = null, bytes = null, mediaType = null } of newArtifacts) {
    await tx.run(upsertArtifact, { taskId, name, uri, sha256, bytes, mediaType, attempt, now: tx.now })
  }
  const [row] = await tx.run(updateArtifactCount, { taskId })
  if (row && row.artifacts > maxArtifactsPerTask) {
    throw new CoordinationError(
      'INVALID_INPUT',
      `artifacts: task ${taskId} would have ${row.artifacts}; at most ${maxArtifactsPerTask} are allowed`,
    )
  }
}
