import type { Database } from 'better-sqlite3'
import type { GroupCommit } from '../commit/group-commit.ts'

/** Free pages that stay for the next writes (16 MiB), and pages returned per transaction. */
const sparePages = 4_096
const reclaimedPages = 100

const readPragma = (database: Database, pragma: string): number => Number(database.pragma(pragma, { simple: true }))

/** Returns the bytes of free pages in the database, which are reused before the file grows. */
export const freePageBytes = (database: Database): number =>
  readPragma(database, 'freelist_count') * readPragma(database, 'page_size')

/**
 * Returns up to 100 free pages to the disk and returns that number; the end of the file moves into
 * earlier free pages. It shares a commit with other operations.
 */
export async function reclaimPages(database: Database, batches: GroupCommit): Promise<number> {
  const project = database.prepare<[], string>('SELECT id FROM projects LIMIT 1').pluck().get()
  if (readPragma(database, 'freelist_count') <= sparePages || project === undefined) return 0
  await batches.transact({ project }, async () => {
    database.pragma(`incremental_vacuum(${reclaimedPages})`)
  })
  return reclaimedPages
}
