import type { Client } from 'pg'
import { withPostgres } from '../postgres/schema-state.ts'
import { compareTables, MoveError, type TableCheck } from './check.ts'
import { MoveSource, type SourceProject } from './source.ts'
import { copiedTables } from './tables.ts'
import {
  addPurgedCounts,
  copyPage,
  finishMove,
  type Progress,
  prepareTarget,
  shiftRow,
  startOrResume,
} from './target.ts'

/** Copied in one transaction; after a kill at most so many are copied again. */
const pageRows = 500

export interface MoveOptions {
  /** The SQLite file. */
  readonly file: string
  /** Where to, past any pooler, and what it is called to a reader. */
  readonly url: string
  readonly target: string
  /** Name of one project; all of them where absent. */
  readonly project?: string | undefined
  readonly onProgress: (said: TableProgress) => void
}

/** How far a table is. */
export interface TableProgress {
  readonly project: string
  readonly table: string
  readonly rows: number
  readonly total: number
}

export interface MoveResult {
  readonly target: string
  /** The same as the source's where cursors of before are good. */
  readonly sameEpoch: boolean
  readonly projects: readonly {
    readonly id: string
    readonly name: string
    readonly seq: number
    readonly tables: readonly TableCheck[]
  }[]
}

type ProgressOptions = Pick<MoveOptions, 'onProgress'>

async function copyTable(
  client: Client,
  source: MoveSource,
  project: SourceProject,
  from: Progress,
  { onProgress }: ProgressOptions,
): Promise<Progress> {
  const spec = copiedTables[from.table]
  if (!spec) return from
  const columns = source.columnsOf(spec.table)
  const total = source.countRows(spec, project.id)
  let position = from
  for (let rows = 0; ; ) {
    const page = source.readPage(spec, project.id, position.after, pageRows)
    const last = page.at(-1)?.[0]
    const full = page.length === pageRows && last !== undefined
    position = full ? { ...position, after: last } : { ...position, table: position.table + 1, after: 0 }
    const shifted = page.map(([, ...values]) => shiftRow(spec, columns, position.offsets, values))
    await copyPage(client, { spec, columns, rows: shifted }, { project: project.id, progress: position })
    rows += page.length
    onProgress({ project: project.name, table: spec.table, rows, total })
    if (!full) return position
  }
}

async function moveProject(
  client: Client,
  source: MoveSource,
  project: SourceProject,
  options: ProgressOptions,
): Promise<readonly TableCheck[]> {
  let position = await startOrResume(client, source, project)
  while (position.table < copiedTables.length) position = await copyTable(client, source, project, position, options)
  // A project that was moved before may have been worked on since.
  if (position.done) return []
  await addPurgedCounts(client, source.purgedCounts(project.id))
  return compareTables(client, source, { project: project.id, offsets: position.offsets })
}

/**
 * Copies projects with their whole history from a file to a PostgreSQL and proves it: all or, where this is killed, what the
 * next run needs to go on. Nothing is written to the file, until all of it is there: then that it was moved.
 */
export async function move({ file, url, target, project, onProgress }: MoveOptions): Promise<MoveResult> {
  using source = MoveSource.open(file)
  const all = source.projects()
  const chosen = project === undefined ? all : all.filter(({ name }) => name === project)
  if (chosen.length === 0) throw new MoveError(`${file} has no project ${project ?? ''}`)
  // Awaited here: the file stays this process's until all is done.
  return await withPostgres(url, async (client) => {
    await prepareTarget(client)
    const projects: MoveResult['projects'][number][] = []
    for (const one of chosen) projects.push({ ...one, tables: await moveProject(client, source, one, { onProgress }) })
    const sameEpoch = await finishMove(client, source, chosen)
    if (project === undefined) source.markMoved(target)
    return { target, sameEpoch, projects }
  })
}
