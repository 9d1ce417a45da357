import type { Database } from 'better-sqlite3'
import type { Batches } from '../commit/batches.ts'

/** Free pages that are kept for what comes next: 16 MiB. And so many are given back in one transaction. */
const sparePages = 4_096
const reclaimedPages = 100

const readPragma = (database: Database, pragma: string): number => Number(database.pragma(pragma, { simple: true }))

/** Bytes in the database that hold nothing, and are written to before the file grows. */
export const spareBytes = (database: Database): number =>
  readPragma(database, 'freelist_count') * readPragma(database, 'page_size')

/** Cuts some free pages off the end of the file, moving what stands there; how many. Shares a commit with callers. */
export async function reclaimPages(database: Database, batches: Batches): Promise<number> {
  const project = database.prepare<[], string>('SELECT id FROM projects LIMIT 1').pluck().get()
  if (readPragma(database, 'freelist_count') <= sparePages || project === undefined) return 0
  await batches.transact({ project }, async () => {
    database.pragma(`incremental_vacuum(${reclaimedPages})`)
  })
  return reclaimedPages
}
