import type { systemMetricsOutput } from '@tony/mcp-shared/system'
import { eq, type SQLWrapper, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { agentCountsOf } from '../../domain/agents/counts.ts'
import type { PresenceSource } from '../../domain/agents/status.ts'
import type { Context, Services } from '../../domain/context.ts'
import { type ProjectState, readProjectState } from '../../domain/history/gauges.ts'
import { rollupOf } from '../../domain/tasks/rollup.ts'
import type { StoreStats } from '../../platform/metrics.ts'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'

type ProjectStats = z.output<typeof systemMetricsOutput>

const sumMessages = statement(({ db, t, p }: StatementParts<{ project: string }>) => {
  const sum = (column: SQLWrapper) => sql<number>`coalesce(sum(${column}), 0)`
  const { accepted, pending, delivered, acked, dead, expired, purged } = t.mailboxes
  return db
    .select({
      accepted: sum(accepted),
      pending: sum(pending),
      delivered: sum(delivered),
      acked: sum(acked),
      dead: sum(dead),
      expired: sum(expired),
      purged: sum(purged),
    })
    .from(t.mailboxes)
    .where(eq(t.mailboxes.projectId, p.project))
    .prepare()
})

const findLastSeq = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db.select({ seq: t.projects.seq }).from(t.projects).where(eq(t.projects.id, p.project)).prepare(),
)

/**
 * Reads the stats of a project from counters: the cost does not grow with its tasks and messages.
 */
async function projectStatsOf(reader: Reader, source: PresenceSource, project: string): Promise<ProjectStats> {
  const { total, byStatus } = await agentCountsOf(reader, source, project)
  const [messages] = await reader.run(sumMessages, { project })
  const [feed] = await reader.run(findLastSeq, { project })
  if (!messages || !feed) throw new Error(`project ${project} does not exist any more`)
  return { tasks: await rollupOf(reader, project), messages, agents: { total, byStatus }, events: feed.seq }
}

/** `system.metrics`: the stats of the caller's project. */
export const getSystemMetrics = (ctx: Context): Promise<ProjectStats> =>
  ctx.read((reader) => projectStatsOf(reader, ctx, ctx.principal.project))

/** Reads the stats of the database and of every project by its name, for a scrape of `/metrics`. */
export async function readStoreStats(services: Services): Promise<StoreStats> {
  const databaseBytes = await services.store.databaseBytes()
  const projects = await services.store.read(async (reader) => {
    const { projects: table } = reader.t
    const rows = await reader.db.select({ id: table.id, name: table.name }).from(table)
    const stats = new Map<string, ProjectStats & { readonly queue: ProjectState | undefined }>()
    for (const { id, name } of rows) {
      const queue = await readProjectState(reader, services, { project: id, databaseBytes })
      stats.set(name, { ...(await projectStatsOf(reader, services, id)), queue })
    }
    return stats
  })
  return { databaseBytes, projects }
}
