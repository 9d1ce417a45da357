import { useVirtualizer } from '@tanstack/react-virtual'
import type { Task } from '@tony/mcp-client'
import { memo, useEffect, useRef } from 'react'
import type { TaskFilters } from '../../data/task-pages.ts'
import { useNames } from '../../data/use-names.ts'
import { useTaskList } from '../../data/use-task-list.ts'
import { Age } from '../../ui/age.tsx'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { formatCount } from '../../ui/format.ts'
import { QueryState } from '../../ui/query-state.tsx'
import { Status } from '../../ui/status.tsx'
import { TaskLink } from '../../ui/task-link.tsx'

/** Number of tasks of one read. The next page is read before its rows come into view. */
const pageSize = 200

const rowHeight = 36

/** The tasks of the filters. Only the rows in view are in the document. */
export function TaskTable({ filters }: { readonly filters: TaskFilters }) {
  const { query, tasks, missed, readAgain } = useTaskList(filters, pageSize)
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query
  return (
    <QueryState query={query} what="the tasks">
      {() => (
        <>
          <p className="muted" role="status">
            {formatCount(tasks?.length ?? 0)} tasks{hasNextPage ? ' so far, more follow below' : ''}
            {missed > 0 ? (
              <>
                {' · '}
                {missed} more changed <Button onClick={readAgain}>Read again</Button>
              </>
            ) : null}
          </p>
          {tasks?.length === 0 ? (
            <Empty title="No task matches">
              Clear the filters, or add a task: <code>tony-mcp tasks add "a title"</code>.
            </Empty>
          ) : (
            <VirtualRows
              tasks={tasks ?? []}
              onEnd={() => {
                if (hasNextPage && !isFetchingNextPage) void fetchNextPage()
              }}
            />
          )}
        </>
      )}
    </QueryState>
  )
}

interface VirtualRowsProps {
  readonly tasks: readonly Task[]
  readonly onEnd: () => void
}

const columns = ['Task', 'Status', 'Priority', 'Type', 'Epic', 'Agent', 'Attempt', 'Age'] as const

function VirtualRows({ tasks, onEnd }: VirtualRowsProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const nameOf = useNames()
  const virtualizer = useVirtualizer({
    count: tasks.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    getItemKey: (index) => tasks[index]?.id ?? index,
  })
  const rows = virtualizer.getVirtualItems()
  const isNearEnd = (rows.at(-1)?.index ?? 0) >= tasks.length - 40
  useEffect(() => {
    if (isNearEnd) onEnd()
  })
  const before = rows[0]?.start ?? 0
  const after = virtualizer.getTotalSize() - (rows.at(-1)?.end ?? 0)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
    <section className="rows" ref={scroller} tabIndex={0} aria-label="Rows of tasks">
      <table aria-label="Tasks" aria-rowcount={tasks.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Spacer height={before} />
          {rows.map(({ index, key }) => {
            const task = tasks[index]
            return task ? <Row key={key} task={task} index={index} nameOf={nameOf} /> : null
          })}
          <Spacer height={after} />
        </tbody>
      </table>
    </section>
  )
}

/** The place of the rows out of view. */
const Spacer = ({ height }: { readonly height: number }) =>
  height === 0 ? null : (
    <tr className="spacer">
      <td colSpan={columns.length} style={{ height }} />
    </tr>
  )

interface RowProps {
  readonly task: Task
  readonly index: number
  readonly nameOf: (agentId: string | null) => string
}

const Row = memo(({ task, index, nameOf }: RowProps) => (
  <tr aria-rowindex={index + 2}>
    <td>
      <TaskLink task={task} />
    </td>
    <td>
      <Status value={task.status} />
      {task.hold === null ? null : <Status value="held" />}
    </td>
    <td>{task.priority}</td>
    <td>
      <AgentText>{task.type}</AgentText>
    </td>
    <td>
      <AgentText>{task.epic}</AgentText>
    </td>
    <td>{task.claimedBy === null ? null : <AgentText>{nameOf(task.claimedBy)}</AgentText>}</td>
    <td>
      {task.attempt}
      {task.progress?.percent === undefined ? '' : ` · ${task.progress.percent} %`}
    </td>
    <td>
      <Age at={task.createdAt} />
    </td>
  </tr>
))
