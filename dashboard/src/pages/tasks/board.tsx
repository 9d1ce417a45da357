import { useQuery } from '@tanstack/react-query'
import type { Task } from '@tony/mcp-client'
import { taskStatuses } from '@tony/mcp-shared/task-statuses'
import { type DragEvent, useState } from 'react'
import { taskChanges } from '../../data/event-kinds.ts'
import type { TaskFilters } from '../../data/task-pages.ts'
import { useAct } from '../../data/use-act.ts'
import { useInvalidation } from '../../data/use-feed.ts'
import { useNames } from '../../data/use-names.ts'
import { useOldestTasks } from '../../data/use-task-list.ts'
import { useCan, useSession } from '../../session/session.ts'
import { Age } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { formatCount, toWords } from '../../ui/format.ts'
import { TaskLink } from '../../ui/task-link.tsx'
import { metricsKey } from '../needs-you/use-needs-count.ts'
import { canLeave, type Move, moveBetween } from './moves.ts'

/** Number of cards of a column: the oldest ones. The table has the others. */
const columnLimit = 30

/** The totals change with each claim, the number beside Needs you does not. */
const totalsKey = [...metricsKey, 'board']

type Dragged = Pick<Task, 'id' | 'status'>

/** A column for each status. A card can be dropped where an act of an operator may move it. */
export function Board({ filters }: { readonly filters: TaskFilters }) {
  const { client } = useSession()
  const [dragged, setDragged] = useState<Dragged | undefined>(undefined)
  useInvalidation(totalsKey, taskChanges, 2_000)
  const { data: metrics } = useQuery({ queryKey: totalsKey, queryFn: () => client.system.metrics({}) })
  const isWhole = Object.values(filters).every((value) => value === undefined)
  return (
    <div className="board">
      {taskStatuses.map((status) => (
        <Column
          key={status}
          status={status}
          filters={{ ...filters, status }}
          total={isWhole ? metrics?.tasks.byStatus[status] : undefined}
          dragged={dragged}
          onDrag={setDragged}
        />
      ))}
    </div>
  )
}

interface ColumnProps {
  readonly status: Task['status']
  readonly filters: TaskFilters
  /** Number of tasks of the status in the project, if the column shows the whole project. */
  readonly total: number | undefined
  readonly dragged: Dragged | undefined
  readonly onDrag: (task: Dragged | undefined) => void
}

function Column({ status, filters, total, dragged, onDrag }: ColumnProps) {
  const { tasks = [], hasMore } = useOldestTasks(filters, columnLimit)
  const canManage = useCan()('tasks:manage')
  const move = dragged && moveBetween(dragged.status, status)
  const act = useAct({
    run: (client, made: { readonly taskId: string; readonly move: Move }) => made.move.run(client, made.taskId),
    done: (made) => made.move.done,
    outdates: [metricsKey],
  })
  const drop = (event: DragEvent) => {
    event.preventDefault()
    if (dragged && move) act.mutate({ taskId: dragged.id, move })
    onDrag(undefined)
  }
  const hint = dragged === undefined || dragged.status === status ? '' : move ? ' target' : ' no-target'
  return (
    <section
      className={`column${hint}`}
      aria-label={toWords(status)}
      onDragOver={(event) => {
        if (move) event.preventDefault()
      }}
      onDrop={drop}
    >
      <h2>
        {toWords(status)} <span className="muted">{total === undefined ? '' : formatCount(total)}</span>
      </h2>
      <ul>
        {tasks.map((task) => (
          <BoardCard key={task.id} task={task} isMovable={canManage && canLeave(status)} onDrag={onDrag} />
        ))}
      </ul>
      {hasMore ? <p className="muted">The table has the others.</p> : null}
    </section>
  )
}

interface BoardCardProps {
  readonly task: Task
  readonly isMovable: boolean
  readonly onDrag: (task: Dragged | undefined) => void
}

function BoardCard({ task, isMovable, onDrag }: BoardCardProps) {
  const nameOf = useNames()
  return (
    <li
      className="board-card"
      draggable={isMovable}
      onDragStart={({ dataTransfer }) => {
        // Firefox starts no drag without data.
        dataTransfer.setData('text/plain', task.id)
        onDrag({ id: task.id, status: task.status })
      }}
      onDragEnd={() => onDrag(undefined)}
    >
      <TaskLink task={task} />
      <span className="muted">
        {task.claimedBy === null ? null : <AgentText>{`${nameOf(task.claimedBy)} · `}</AgentText>}
        <Age at={task.createdAt} />
        {task.hold === null ? '' : ' · held'}
      </span>
    </li>
  )
}
