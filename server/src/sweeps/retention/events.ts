import { and, eq, lte } from 'drizzle-orm'
import { extentOf } from '../../domain/feed/log-range.ts'
import { placeholder, type Query, type Store, statement } from '../../store/store.ts'
import { cutoff, type Kept, removeLimit } from './progress.ts'

const front = statement(({ db, t, p }: Query<{ project: string; limit: number }>) =>
  db
    .select({ seq: t.events.seq, at: t.events.at })
    .from(t.events)
    .where(eq(t.events.projectId, p.project))
    .orderBy(t.events.seq)
    .limit(placeholder('limit'))
    .prepare(),
)

const removeThrough = statement(({ db, t, p }: Query<{ project: string; seq: number }>) =>
  db
    .delete(t.events)
    .where(and(eq(t.events.projectId, p.project), lte(t.events.seq, p.seq)))
    .returning({ seq: t.events.seq })
    .prepare(),
)

/** Takes events from the front of a feed and from nowhere else: what is left is dense, and a cursor before it is told so. */
export async function trimEvents(store: Store, project: string, kept: Kept): Promise<number> {
  const through = await store.read(async (reader) => {
    const oldest = await reader.run(front, { project, limit: removeLimit })
    const { last } = kept.most > 0 ? await extentOf(reader, project) : { last: 0 }
    const before = cutoff(reader.now, kept)
    const staying = oldest.findIndex(({ seq, at }) => at > before && (kept.most === 0 || seq > last - kept.most))
    return (staying === -1 ? oldest.at(-1) : oldest[staying - 1])?.seq
  })
  if (through === undefined) return 0
  return (await store.transact({ project, frees: true }, (tx) => tx.run(removeThrough, { project, seq: through })))
    .length
}
