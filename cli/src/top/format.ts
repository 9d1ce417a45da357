import { formatAge, formatCell, formatMs } from '../output/cells.ts'
import { type Columns, formatTable } from '../output/table.ts'
import { now } from '../timer.ts'
import type { AgentRow, Board } from './board.ts'
import type { StuckTask } from './stuck.ts'

const agentColumns: Columns<AgentRow> = {
  agent: ({ name }) => name,
  status: ({ status, paused }) => (paused ? `${status}, paused` : status),
  since: ({ task, lastActivityAt }) => formatAge(task ? task.since : lastActivityAt),
  lease: ({ task }) => (task?.leaseExpiresAt == null ? null : formatMs(Date.parse(task.leaseExpiresAt) - now())),
  done: ({ task }) => (task?.percent == null ? null : `${task.percent}%`),
  task: ({ task }) => task?.title,
  progress: ({ task }) => task?.progress,
}

const stuckColumns: Columns<StuckTask> = {
  task: ({ id }) => id,
  status: ({ status }) => status,
  title: ({ title }) => title,
  why: ({ why }) => why,
}

/** Returns the lines of a board, with ages and leases as of now. */
export function formatBoard(board: Board): string[] {
  const counts = Object.entries(board.tasks)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${status} ${count}`)
  const head = `${formatCell(board.project)} (tony-mcp ${board.server})   tasks: ${counts.join(', ') || 'none'}`
  const letters = board.deadLetters === 0 ? [] : [`${board.deadLetters} dead letters: see "tony-mcp dlq ls"`]
  const stuckTitle = board.stuck.length === 0 ? 'nothing is stuck' : `stuck: ${board.stuck.length}`
  return [
    head,
    '',
    ...(board.agents.length === 0 ? ['no agents'] : formatTable(agentColumns, board.agents)),
    ...(board.truncated ? ['… and more: see "tony-mcp agents ls --all"'] : []),
    '',
    stuckTitle,
    ...(board.stuck.length === 0 ? [] : formatTable(stuckColumns, board.stuck)),
    ...letters,
  ]
}
