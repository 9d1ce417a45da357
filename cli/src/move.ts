import { moveToPostgres, type TableProgress } from '@tony/mcp-server/maintenance/move'
import type { DatabaseOptions } from './backup.ts'

export interface MoveOptions extends DatabaseOptions {
  readonly to: string
  readonly project?: string
}

/**
 * `tony-mcp move`: prints the progress on standard error, and at the end the result and its
 * consequences.
 */
export async function moveCommand({ dbPath, json, to, project }: MoveOptions): Promise<void> {
  const onProgress = (copied: TableProgress): void => {
    const line = `${copied.project}: ${copied.table} ${copied.rows} of ${copied.total}`
    process.stderr.write(`${json ? JSON.stringify(copied) : line}\n`)
  }
  const moved = await moveToPostgres({ database: dbPath, to, project, onProgress })
  const lines = moved.projects.map(({ name, seq, tables }) => {
    const rows = tables.reduce((sum, table) => sum + table.rows, 0)
    return tables.length === 0
      ? `${name} was moved and checked before`
      : `${name}: ${rows} rows in ${tables.length} tables, ${seq} events, the same in both`
  })
  const cursors = moved.sameEpoch
    ? 'cursors, leases and refresh tokens of before are good there; access tokens are to be refreshed'
    : 'the target has its own epoch: older cursors fail with CURSOR_AHEAD'
  const pepper = `copy ${moved.file}.pepper to the new server: MCP_PEPPER_FILE, or next to the path in DATABASE_PATH`
  const outcome = { file: moved.file, target: moved.target, sameEpoch: moved.sameEpoch, projects: moved.projects }
  process.stdout.write(`${json ? JSON.stringify(outcome) : [...lines, cursors, pepper].join('\n')}\n`)
}
