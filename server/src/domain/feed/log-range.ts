import { eq, sql } from 'drizzle-orm'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'

/**
 * Reads all numbers in one statement. Between two statements the first event of an empty log could
 * be written, and all events before it would seem deleted. Events from before there were pages are
 * rows of their own.
 */
const findLogRange = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db
    .select({
      last: t.projects.seq,
      firstRow: sql<
        number | null
      >`(select min(${t.events.seq}) from ${t.events} where ${t.events.projectId} = ${p.project})`,
      firstPage: sql<
        number | null
      >`(select ${t.eventPages.first} from ${t.eventPages} where ${t.eventPages.projectId} = ${p.project}
        order by ${t.eventPages.last} limit 1)`,
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
  return { first: Math.min(found?.firstRow ?? last + 1, found?.firstPage ?? last + 1), last }
}
