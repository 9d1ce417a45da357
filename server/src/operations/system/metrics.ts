import type { systemMetricsOutput } from '@tony/mcp-shared/system'
import { eq, type SQLWrapper, sql } from 'drizzle-orm'
import type { z } from 'zod'
import { censusOf } from '../../domain/agents/counts.ts'
import type { Watching } from '../../domain/agents/status.ts'
import type { Context, Parts } from '../../domain/context.ts'
import { rollupOf } from '../../domain/tasks/rollup.ts'
import { type Query, type Reader, statement } from '../../store/store.ts'

type Figures = z.output<typeof systemMetricsOutput>

const mail = statement(({ db, t, p }: Query<{ project: string }>) => {
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

const head = statement(({ db, t, p }: Query<{ project: string }>) =>
  db.select({ seq: t.projects.seq }).from(t.projects).where(eq(t.projects.id, p.project)).prepare(),
)

/** What is in a project, read from counters: the cost does not grow with the tasks and messages there are. */
async function figuresOf(reader: Reader, watching: Watching, project: string): Promise<Figures> {
  const { total, byStatus } = await censusOf(reader, watching, project)
  const [messages] = await reader.run(mail, { project })
  const [feed] = await reader.run(head, { project })
  if (!messages || !feed) throw new Error(`project ${project} is gone`)
  return { tasks: await rollupOf(reader, project), messages, agents: { total, byStatus }, events: feed.seq }
}

/** `system.metrics`: what is in the caller's project. */
export const systemMetrics = (ctx: Context): Promise<Figures> =>
  ctx.read((reader) => figuresOf(reader, ctx, ctx.principal.project))

/** The same for every project, by its name: what a scrape of `/metrics` gets. */
export const figuresByProject = (parts: Parts): Promise<Map<string, Figures>> =>
  parts.store.read(async (reader) => {
    const { projects } = reader.t
    const rows = await reader.db.select({ id: projects.id, name: projects.name }).from(projects)
    const figures = new Map<string, Figures>()
    for (const { id, name } of rows) figures.set(name, await figuresOf(reader, parts, id))
    return figures
  })
