import { eq } from 'drizzle-orm'
import { type Query, type Reader, statement } from '../store/store.ts'

const first = statement(({ db, t, p }: Query<{ project: string }>) =>
  db
    .select({ seq: t.events.seq })
    .from(t.events)
    .where(eq(t.events.projectId, p.project))
    .orderBy(t.events.seq)
    .limit(1)
    .prepare(),
)

const head = statement(({ db, t, p }: Query<{ project: string }>) =>
  db.select({ seq: t.projects.seq }).from(t.projects).where(eq(t.projects.id, p.project)).prepare(),
)

/** Number of the first event the log still holds, and of the last one ever: a log that was emptied begins after that. */
export async function extentOf(reader: Reader, project: string): Promise<{ first: number; last: number }> {
  const [oldest] = await reader.run(first, { project })
  const [feed] = await reader.run(head, { project })
  const last = feed?.seq ?? 0
  return { first: oldest?.seq ?? last + 1, last }
}
