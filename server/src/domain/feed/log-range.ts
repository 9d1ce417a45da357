import { eq, sql } from 'drizzle-orm'
import { type Query, type Reader, statement } from '../../store/store.ts'

/** One statement: between two the first event of an empty log could be written, and would look as if all before it were gone. */
const findLogRange = statement(({ db, t, p }: Query<{ project: string }>) =>
  db
    .select({
      last: t.projects.seq,
      first: sql<
        number | null
      >`(select min(${t.events.seq}) from ${t.events} where ${t.events.projectId} = ${p.project})`,
    })
    .from(t.projects)
    .where(eq(t.projects.id, p.project))
    .prepare(),
)

/** Number of the first event the log still holds, and of the last one ever: a log that was emptied begins after that. */
export async function logRangeOf(reader: Reader, project: string): Promise<{ first: number; last: number }> {
  const [found] = await reader.run(findLogRange, { project })
  const last = found?.last ?? 0
  return { first: found?.first ?? last + 1, last }
}
