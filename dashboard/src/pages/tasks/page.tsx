import { useNavigate, useSearch } from '@tanstack/react-router'
import { Button } from '../../ui/button.tsx'
import { Group } from '../../ui/group.tsx'
import { Board } from './board.tsx'
import { BulkActs } from './bulk-acts.tsx'
import { FilterBar } from './filter-bar.tsx'
import { TaskTable } from './task-table.tsx'

/** All tasks of the project, as a table or as a board. The address has the filters. */
export function TasksPage() {
  const { view, ...filters } = useSearch({ from: '/tasks' })
  const navigate = useNavigate()
  const show = (next: 'board' | undefined) =>
    void navigate({ to: '/tasks', search: next === undefined ? filters : { ...filters, view: next } })
  return (
    <section className="page wide">
      <header className="heading">
        <h1>Tasks</h1>
        <Group label="View">
          <Button aria-pressed={view === undefined} onClick={() => show(undefined)}>
            Table
          </Button>
          <Button aria-pressed={view === 'board'} onClick={() => show('board')}>
            Board
          </Button>
        </Group>
      </header>
      <FilterBar key={JSON.stringify(filters)} filters={filters} view={view} />
      <BulkActs key={`acts ${JSON.stringify(filters)}`} filters={filters} />
      {view === 'board' ? (
        <Board key={`board ${JSON.stringify(filters)}`} filters={filters} />
      ) : (
        <TaskTable key={`table ${JSON.stringify(filters)}`} filters={filters} />
      )}
    </section>
  )
}
