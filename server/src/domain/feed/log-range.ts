import { eq, sql } from 'drizzle-orm'
import { type Query, type Reader, statement } from '../../store/store.ts'

/**
 * Reads both numbers in one statement. Between two statements the first event of an empty log could
 * be written, and all events before it would seem deleted.
 */
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

/**
 * The numbers of the first event in the log and of the last event ever. The first of an empty log
 * is the next number.
 */
export async function logRangeOf(reader: Reader, project: string): Promise<{ first: number; last: number }> {
  const [found] = await reader.run(findLogRange, { project })
  const last = found?.last ?? 0
  return { first: found?.first ?? last + 1, last }
}
