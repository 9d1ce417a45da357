import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { AgentText } from '../../ui/agent-text.tsx'
import { Button } from '../../ui/button.tsx'
import { Empty } from '../../ui/empty.tsx'
import { Group } from '../../ui/group.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { criticalPathOf, hasEnded } from './critical-path.ts'
import { CriticalPath } from './critical-path-card.tsx'
import type { PlanSearch } from './search.ts'
import type { Tree } from './tree.ts'
import { TreeTable } from './tree-table.tsx'
import { useEpics, usePlan } from './use-plan.ts'

/** The graph and its libraries are loaded when a reader asks for it. */
const PlanGraph = lazy(() => import('./graph.tsx').then(({ PlanGraph: component }) => ({ default: component })))

/** The epics with their progress, or one plan as a tree and as a graph. */
export function PlanPage() {
  const search = useSearch({ from: '/plan' })
  const query = usePlan(search)
  if (search.epic === undefined && search.taskId === undefined) return <EpicList />
  return (
    <section className="page wide">
      <div className="heading">
        <h1>Plan{search.epic === undefined ? '' : ` of ${search.epic}`}</h1>
        <ViewSwitch search={search} />
      </div>
      <QueryState query={query} what="the plan">
        {(tree) => (tree.nodes.length === 0 ? <NoTasks /> : <Plan tree={tree} search={search} />)}
      </QueryState>
    </section>
  )
}

const NoTasks = () => (
  <Empty title="The plan has no task">
    Its tasks may have been deleted after their retention. <Link to="/plan">All plans</Link>
  </Empty>
)

function ViewSwitch({ search }: { readonly search: PlanSearch }) {
  const navigate = useNavigate()
  const { view, ...root } = search
  return (
    <Group label="Views" className="filters">
      <Button aria-pressed={view === undefined} onClick={() => void navigate({ to: '/plan', search: root })}>
        Tree
      </Button>
      <Button
        aria-pressed={view === 'graph'}
        onClick={() => void navigate({ to: '/plan', search: { ...root, view: 'graph' } })}
      >
        Graph
      </Button>
      <Link to="/plan">All plans</Link>
    </Group>
  )
}

/** Returns the longest critical path of the trees of a plan. */
function longestPathOf(tree: Tree): readonly string[] {
  const roots = tree.nodes.filter((node) => node.depth === 0 && !hasEnded(node))
  const paths = roots.map(({ id }) => criticalPathOf(tree, id))
  return paths.reduce((longest, path) => (path.length > longest.length ? path : longest), [])
}

function Plan({ tree, search }: { readonly tree: Tree; readonly search: PlanSearch }) {
  const path = longestPathOf(tree)
  return (
    <>
      {tree.truncated ? <p className="muted">The plan is larger: only its first 1 000 tasks are shown.</p> : null}
      <CriticalPath tree={tree} path={path} />
      {search.view === 'graph' ? (
        <Suspense fallback={<p className="muted">Drawing the graph …</p>}>
          <PlanGraph tree={tree} path={path} />
        </Suspense>
      ) : (
        <TreeTable tree={tree} path={path} />
      )}
    </>
  )
}

function EpicList() {
  const query = useEpics()
  return (
    <section className="page">
      <h1>Plan</h1>
      <QueryState query={query} what="the epics">
        {({ epics, pausedEpics }) =>
          epics.length === 0 ? (
            <Empty title="No task belongs to an epic">
              <code>tony-mcp import FILE</code> brings a plan here. The tree of one task is behind its page.
            </Empty>
          ) : (
            <ul className="cards" aria-label="Epics">
              {epics.map(({ epic, tasks }) => (
                <li key={epic} className="card">
                  <header>
                    <Link to="/plan" search={{ epic }}>
                      <AgentText>{epic}</AgentText>
                    </Link>
                    {pausedEpics.includes(epic) ? <span className="status paused">paused</span> : null}
                    <span className="muted">
                      {tasks.byStatus['completed'] ?? 0} of {tasks.total} tasks
                    </span>
                  </header>
                  <progress max={100} value={tasks.percentCompleted} aria-label={`Completed share of ${epic}`} />{' '}
                  {tasks.percentCompleted} %
                </li>
              ))}
            </ul>
          )
        }
      </QueryState>
    </section>
  )
}
