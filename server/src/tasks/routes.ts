import { eq } from 'drizzle-orm'
import { type Query, type Reader, statement } from '../store/store.ts'
import { type Claimant, mayTake } from './queue.ts'

const allRoutes = statement(({ db, t, p }: Query<{ project: string }>) =>
  db
    .select({ id: t.routes.id, requires: t.routes.requires, assignedTo: t.routes.assignedTo })
    .from(t.routes)
    .where(eq(t.routes.projectId, p.project))
    .orderBy(t.routes.id)
    .prepare(),
)

/** The ids of the routes a claimant may take. The cost of a claim grows with these, not with the queue. */
export async function routesOf(tx: Reader, claimant: Claimant): Promise<number[]> {
  const routes = await tx.run(allRoutes, { project: claimant.project })
  return routes
    .filter((route) => mayTake(claimant, JSON.parse(route.requires), route.assignedTo))
    .map((route) => route.id)
}
