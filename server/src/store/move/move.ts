import type { Client } from 'pg'
import { withPostgres } from '../postgres/schema-state.ts'
import { compareTables, MoveError, type TableCheck } from './check.ts'
import { MoveSource, type SourceProject } from './source.ts'
import { copiedTables } from './tables.ts'
import {
  addPurgedCounts,
  copyPage,
  finishMove,
  type MoveProgress,
  prepareTarget,
  renumberRow,
  startOrResumeMove,
} from './target.ts'

/** Rows per transaction. A killed move repeats at most one such page. */
const pageRows = 500

export interface MoveOptions {
  /** SQLite file. */
  readonly file: string
  /** Direct address of the target, and its name for messages. */
  readonly url: string
  readonly target: string
  /** Name of one project; undefined means all. */
  readonly project?: string | undefined
  readonly onProgress: (progress: TableProgress) => void
}

/** Progress of one table. */
export interface TableProgress {
  readonly project: string
  readonly table: string
  readonly rows: number
  readonly total: number
}

export interface MoveResult {
  readonly target: string
  /** True if the target has the source's epoch, so existing cursors stay valid. */
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
  from: MoveProgress,
  { onProgress }: ProgressOptions,
): Promise<MoveProgress> {
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
    const shifted = page.map(([, ...values]) => renumberRow(spec, columns, position.offsets, values))
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
  let position = await startOrResumeMove(client, source, project)
  while (position.table < copiedTables.length) position = await copyTable(client, source, project, position, options)
  // A project of an earlier move may have changed since, so its tables are not compared.
  if (position.done) return []
  await addPurgedCounts(client, source.purgedCounts(project.id))
  return compareTables(client, source, { project: project.id, offsets: position.offsets })
}

/**
 * Copies projects with their whole history from a file to PostgreSQL and compares all tables. A
 * killed move resumes at the next run. After a complete move of all projects it marks the file as
 * moved; otherwise it writes nothing to the file.
 */
export async function moveStore({ file, url, target, project, onProgress }: MoveOptions): Promise<MoveResult> {
  using source = MoveSource.open(file)
  const all = source.projects()
  const chosen = project === undefined ? all : all.filter(({ name }) => name === project)
  if (chosen.length === 0) throw new MoveError(`${file} has no project ${project ?? ''}`)
  // Awaited here, so that this process owns the file until the end.
  return await withPostgres(url, async (client) => {
    await prepareTarget(client)
    const projects: MoveResult['projects'][number][] = []
    for (const one of chosen) projects.push({ ...one, tables: await moveProject(client, source, one, { onProgress }) })
    const sameEpoch = await finishMove(client, source, chosen)
    if (project === undefined) source.markMoved(target)
    return { target, sameEpoch, projects }
  })
}
