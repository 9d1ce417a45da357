import { and, eq, gt, lte } from 'drizzle-orm'
import { placeholder, type Query, type Reader, type Store, statement } from '../../store/store.ts'
import { cutoff, type Kept, type Retained, removeLimit } from './progress.ts'

const agentPage = statement(({ db, t, p }: Query<{ project: string; after: string; limit: number }>) =>
  db
    .select({ id: t.agents.id, name: t.agents.name })
    .from(t.agents)
    .where(and(eq(t.agents.projectId, p.project), gt(t.agents.name, p.after)))
    .orderBy(t.agents.name)
    .limit(placeholder('limit'))
    .prepare(),
)

const oldest = statement(({ db, t, p }: Query<{ agentId: string; before: number; limit: number }>) =>
  db
    .select({ at: t.healthMetrics.timestamp })
    .from(t.healthMetrics)
    .where(and(eq(t.healthMetrics.agentId, p.agentId), lte(t.healthMetrics.timestamp, p.before)))
    .orderBy(t.healthMetrics.timestamp)
    .limit(placeholder('limit'))
    .prepare(),
)

const remove = statement(({ db, t, p }: Query<{ agentId: string; through: number }>) =>
  db
    .delete(t.healthMetrics)
    .where(and(eq(t.healthMetrics.agentId, p.agentId), lte(t.healthMetrics.timestamp, p.through)))
    .returning({ at: t.healthMetrics.timestamp })
    .prepare(),
)

/** The first agent of the next few that has samples from before then, and through when some of them are to go. */
async function nextOld(reader: Reader, project: string, after: string, before: number) {
  const agents = await reader.run(agentPage, { project, after, limit: removeLimit })
  for (const { id, name } of agents) {
    const samples = await reader.run(oldest, { agentId: id, before, limit: removeLimit })
    const through = samples.at(-1)?.at
    if (through !== undefined) return { agentId: id, through, name }
  }
  const last = agents.length < removeLimit ? undefined : agents.at(-1)
  return { name: last?.name ?? '' }
}

/** Removes samples of health from before a moment, one agent at a time. */
export async function removeSamples(store: Store, project: string, kept: Kept, retained: Retained): Promise<number> {
  if (kept.ms === 0) return 0
  const walk = `health of ${project}`
  const after = String(retained.positions.get(walk) ?? '')
  const found = await store.read((reader) => nextOld(reader, project, after, cutoff(reader.now, kept)))
  const { agentId, through, name } = found
  if (agentId === undefined || through === undefined) {
    retained.positions.set(walk, name)
    return 0
  }
  const removed = await store.transact({ project, frees: true }, (tx) => tx.run(remove, { agentId, through }))
  // An agent that had so many may have more.
  if (removed.length < removeLimit) retained.positions.set(walk, name)
  return removed.length
}
