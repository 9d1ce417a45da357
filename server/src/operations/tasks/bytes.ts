import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { StatementParts } from '../../store/store.ts'

const columnBytesSql = (...columns: readonly SQLWrapper[]): SQL =>
  sql.join(
    columns.map((column) => sql`coalesce(octet_length(${column}), 0)`),
    sql` + `,
  )

/**
 * The size of a task as a column for a query of tasks: its texts, its artifacts and its orphan
 * results. Neither engine reads a text to tell its length.
 */
export function taskBytesSql({ db, t }: Pick<StatementParts<object>, 'db' | 't'>): SQL<number> {
  const { tasks, artifacts, orphanResults } = t
  const ownBytes = columnBytesSql(
    tasks.description,
    tasks.acceptanceCriteria,
    tasks.design,
    tasks.notes,
    tasks.metadata,
    tasks.result,
    tasks.progress,
    tasks.error,
    tasks.inputRequest,
    tasks.input,
    tasks.review,
    tasks.hold,
  )
  const artifactBytes = db
    .select({ bytes: sql`sum(${columnBytesSql(artifacts.name, artifacts.uri)})` })
    .from(artifacts)
    .where(sql`${artifacts.taskId} = ${tasks.id}`)
  const orphanBytes = db
    .select({ bytes: sql`sum(${columnBytesSql(orphanResults.result)})` })
    .from(orphanResults)
    .where(sql`${orphanResults.taskId} = ${tasks.id}`)
  const artifactsPart = sql`case when ${tasks.artifacts} > 0 then ${artifactBytes} else 0 end`
  const orphansPart = sql`case when ${tasks.orphans} > 0 then ${orphanBytes} else 0 end`
  return sql<number>`(${ownBytes} + ${artifactsPart} + ${orphansPart})`
}
