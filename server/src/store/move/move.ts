import type { Client } from 'pg'
import { onPostgres } from '../postgres/schema-state.ts'
import { MoveError, type Verified, verify } from './check.ts'
import { type MovedProject, MoveSource } from './source.ts'
import { movedTables } from './tables.ts'
import { beginAt, completeMailboxes, copy, finish, type Progress, prepareTarget, shift } from './target.ts'

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
  readonly progress: (said: Copied) => void
}

/** How far a table is. */
export interface Copied {
  readonly project: string
  readonly table: string
  readonly rows: number
  readonly of: number
}

export interface MovedAway {
  readonly target: string
  /** The same as the source's where cursors of before are good. */
  readonly sameEpoch: boolean
  readonly projects: readonly {
    readonly id: string
    readonly name: string
    readonly seq: number
    readonly tables: readonly Verified[]
  }[]
}

type Told = Pick<MoveOptions, 'progress'>

async function copyTable(
  client: Client,
  source: MoveSource,
  project: MovedProject,
  from: Progress,
  { progress }: Told,
): Promise<Progress> {
  const moved = movedTables[from.table]
  if (!moved) return from
  const columns = source.columns(moved.table)
  const of = source.count(moved, project.id)
  let at = from
  for (let rows = 0; ; ) {
    const page = source.page(moved, project.id, at.after, pageRows)
    const last = page.at(-1)?.[0]
    const full = page.length === pageRows && last !== undefined
    at = full ? { ...at, after: last } : { ...at, table: at.table + 1, after: 0 }
    const shifted = page.map(([, ...values]) => shift(moved, columns, at.offsets, values))
    await copy(client, { moved, columns, rows: shifted }, { project: project.id, progress: at })
    rows += page.length
    progress({ project: project.name, table: moved.table, rows, of })
    if (!full) return at
  }
}

async function moveProject(
  client: Client,
  source: MoveSource,
  project: MovedProject,
  told: Told,
): Promise<readonly Verified[]> {
  let at = await beginAt(client, source, project)
  while (at.table < movedTables.length) at = await copyTable(client, source, project, at, told)
  // A project that was moved before may have been worked on since.
  if (at.done) return []
  await completeMailboxes(client, source.purged(project.id))
  return verify(client, source, { project: project.id, offsets: at.offsets })
}

/**
 * Copies projects with their whole history from a file to a PostgreSQL and proves it: all or, where this is killed, what the
 * next run needs to go on. Nothing is written to the file, until all of it is there: then that it was moved.
 */
export async function move({ file, url, target, project, progress }: MoveOptions): Promise<MovedAway> {
  using source = MoveSource.open(file)
  const all = source.projects()
  const chosen = project === undefined ? all : all.filter(({ name }) => name === project)
  if (chosen.length === 0) throw new MoveError(`${file} has no project ${project ?? ''}`)
  // Awaited here: the file stays this process's until all is done.
  return await onPostgres(url, async (client) => {
    await prepareTarget(client)
    const projects: MovedAway['projects'][number][] = []
    for (const one of chosen) projects.push({ ...one, tables: await moveProject(client, source, one, { progress }) })
    const sameEpoch = await finish(client, source, chosen)
    if (project === undefined) source.leave(target)
    return { target, sameEpoch, projects }
  })
}
