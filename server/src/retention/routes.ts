import { and, eq, notExists, type SQLWrapper } from 'drizzle-orm'
import { placeholder, type Query, type Store, statement } from '../store/store.ts'
import { removeLimit } from './retained.ts'

const unused = ({ db, t }: Pick<Query<object>, 'db' | 't'>, id: SQLWrapper) =>
  notExists(db.select({ id: t.tasks.id }).from(t.tasks).where(eq(t.tasks.routeId, id)))

const findUnused = statement(({ db, t, p }: Query<{ project: string; limit: number }>) =>
  db
    .select({ id: t.routes.id })
    .from(t.routes)
    .where(and(eq(t.routes.projectId, p.project), unused({ db, t }, t.routes.id)))
    .limit(placeholder('limit'))
    .prepare(),
)

const remove = statement(({ db, t, p }: Query<{ id: number }>) =>
  db
    .delete(t.routes)
    .where(and(eq(t.routes.id, p.id), unused({ db, t }, p.id)))
    .returning({ id: t.routes.id })
    .prepare(),
)

/** Removes routes that no task is on: a claim reads every route of its project. The next task that asks for one makes it again. */
export async function removeRoutes(store: Store, project: string): Promise<number> {
  const routes = await store.read((reader) => reader.run(findUnused, { project, limit: removeLimit }))
  if (routes.length === 0) return 0
  return store.transact({ project }, async (tx) => {
    let removed = 0
    for (const { id } of routes) removed += (await tx.run(remove, { id })).length
    return removed
  })
}
