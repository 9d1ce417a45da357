import { and, eq, gt, lte } from 'drizzle-orm'
import type { RetentionRule } from '../../config.ts'
import type { RetentionProgress } from '../../domain/retention-progress.ts'
import {
  placeholder,
  type Reader,
  type StatementParts,
  type Store,
  statement,
  type Transaction,
} from '../../store/store.ts'
import { deleteLimit, retentionCutoff } from './progress.ts'

const findAgentPage = statement(({ db, t, p }: StatementParts<{ project: string; after: string; limit: number }>) =>
  db
    .select({ id: t.agents.id, name: t.agents.name })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), gt(t.agents.name, p.after)))
    .orderBy(t.agents.name)
    .limit(placeholder('limit'))
    .prepare(),
)

const findOldestSamples = statement(
  ({ db, t, p }: StatementParts<{ agentId: string; before: number; limit: number }>) =>
    db
      .select({ at: t.healthMetrics.timestamp })
      .from(t.healthMetrics)
      .where(and(eq(t.healthMetrics.agentId, p.agentId), lte(t.healthMetrics.timestamp, p.before)))
      .orderBy(t.healthMetrics.timestamp)
      .limit(placeholder('limit'))
      .prepare(),
)

const deleteSamples = statement(({ db, t, p }: StatementParts<{ agentId: string; through: number }>) =>
  db
    .delete(t.healthMetrics)
    .where(and(eq(t.healthMetrics.agentId, p.agentId), lte(t.healthMetrics.timestamp, p.through)))
    .returning({ at: t.healthMetrics.timestamp })
    .prepare(),
)

/** Deletes some of an agent's samples, of any age, and returns their number. */
export async function deleteOldestSamples(
  tx: Transaction,
  { agentId, limit }: { readonly agentId: string; readonly limit: number },
): Promise<number> {
  const samples = await tx.run(findOldestSamples, { agentId, before: Number.MAX_SAFE_INTEGER, limit })
  const through = samples.at(-1)?.at
  return through === undefined ? 0 : (await tx.run(deleteSamples, { agentId, through })).length
}

/**
 * Returns the first agent of the next page with samples from before the cutoff, and the last
 * timestamp to delete now.
 */
async function findExpiredSamples(reader: Reader, project: string, after: string, before: number) {
  const agents = await reader.run(findAgentPage, { project, after, limit: deleteLimit })
  for (const { id, name } of agents) {
    const samples = await reader.run(findOldestSamples, { agentId: id, before, limit: deleteLimit })
    const through = samples.at(-1)?.at
    if (through !== undefined) return { agentId: id, through, name }
  }
  const last = agents.length < deleteLimit ? undefined : agents.at(-1)
  return { name: last?.name ?? '' }
}

/** Deletes the health samples from before the cutoff, one agent at a time. */
export async function deleteExpiredSamples(
  store: Store,
  project: string,
  rule: RetentionRule,
  progress: RetentionProgress,
): Promise<number> {
  if (rule.ms === 0) return 0
  const cursorName = `health of ${project}`
  const after = String(progress.cursors.get(cursorName) ?? '')
  const found = await store.read((reader) =>
    findExpiredSamples(reader, project, after, retentionCutoff(reader.now, rule)),
  )
  const { agentId, through, name } = found
  if (agentId === undefined || through === undefined) {
    progress.cursors.set(cursorName, name)
    return 0
  }
  const deleted = await store.transact({ project, freesSpace: true }, (tx) =>
    tx.run(deleteSamples, { agentId, through }),
  )
  // An agent with a full batch of samples may have more.
  if (deleted.length < deleteLimit) progress.cursors.set(cursorName, name)
  return deleted.length
}
