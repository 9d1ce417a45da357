import { and, eq, gt, isNotNull, lte, sql } from 'drizzle-orm'
import { agedRank } from '../leases/waiting.ts'
import { type Query, type Reader, statement, type Transaction } from '../store/store.ts'
import { type Sweep, sweepLimit } from './runner.ts'

const nextRoute = statement(({ db, t, p }: Query<{ project: string; after: number }>) =>
  db
    .select({ route: t.tasks.ready })
    .from(t.tasks)
    .where(and(eq(t.tasks.projectId, p.project), gt(t.tasks.ready, p.after), sql`${t.tasks.rank} = 4`))
    .orderBy(t.tasks.ready)
    .limit(1)
    .prepare(),
)

const longestWaiting = statement(({ db, t, p }: Query<{ project: string; route: number; since: number }>) =>
  db
    .select({ ord: t.tasks.ord })
    .from(t.tasks)
    .where(
      and(
        eq(t.tasks.projectId, p.project),
        eq(t.tasks.ready, p.route),
        lte(t.tasks.readyAt, p.since),
        sql`${t.tasks.rank} = 4`,
      ),
    )
    .orderBy(t.tasks.readyAt)
    .limit(1)
    .prepare(),
)

const inFront = statement(({ db, t, p }: Query<{ project: string; route: number }>) =>
  db
    .select({ ord: t.tasks.ord })
    .from(t.tasks)
    .where(
      and(
        eq(t.tasks.projectId, p.project),
        eq(t.tasks.ready, p.route),
        sql`${t.tasks.rank} = ${sql.raw(String(agedRank))}`,
      ),
    )
    .limit(1)
    .prepare(),
)

const age = statement(({ db, t, p }: Query<{ ord: number }>) =>
  db
    .update(t.tasks)
    .set({ rank: agedRank })
    .where(and(eq(t.tasks.ord, p.ord), isNotNull(t.tasks.ready), sql`${t.tasks.rank} = 4`))
    .returning({ ord: t.tasks.ord })
    .prepare(),
)

/** Of each route the task that has starved longest, if none of it is in front yet. Goes from route to route, not from task to task. */
async function starving(reader: Reader, project: string, since: number): Promise<number[]> {
  const ords: number[] = []
  let after = 0
  for (;;) {
    const [next] = await reader.run(nextRoute, { project, after })
    if (!next?.route) return ords
    after = next.route
    const [task] = await reader.run(longestWaiting, { project, route: after, since })
    if (task && (await reader.run(inFront, { project, route: after })).length === 0) ords.push(task.ord)
  }
}

async function ageIn(tx: Transaction, ords: readonly number[]): Promise<void> {
  for (const ord of ords) await tx.run(age, { ord })
}

/** A starving task is put in front when it has waited for this share of the longest wait: then others may be before it still. */
const patience = 0.8

/**
 * Puts `low` tasks that have waited too long in front of everything but `critical`: one of each route at a time. All at once they
 * would turn the order upside down, as a queue of ten thousand low ones grows old together.
 */
export const ageTasks: Sweep = {
  name: 'age-tasks',
  everyMs: 1_000,
  batch: async ({ store, config }, project) => {
    const ords = await store.read((reader) => starving(reader, project, reader.now - patience * config.maxStarvationMs))
    while (ords.length > 0) {
      const some = ords.splice(0, sweepLimit)
      await store.transact({ project }, (tx) => ageIn(tx, some))
    }
    return 0
  },
}
