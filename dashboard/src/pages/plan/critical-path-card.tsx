import { useQuery } from '@tanstack/react-query'
import { useInvalidation } from '../../data/use-feed.ts'
import { useSession } from '../../session/session.ts'
import { AgentText } from '../../ui/agent-text.tsx'
import { QueryState } from '../../ui/query-state.tsx'
import { Status } from '../../ui/status.tsx'
import { TaskLink } from '../../ui/task-link.tsx'
import type { Tree } from './tree.ts'

interface CriticalPathProps {
  readonly tree: Tree
  /** Ids from the root to the leaf that holds it back. */
  readonly path: readonly string[]
}

/** Names the leaf that holds the root back, why it is not done, and the path to it. */
export function CriticalPath({ tree, path }: CriticalPathProps) {
  const nodes = new Map(tree.nodes.map((node) => [node.id, node]))
  const steps = path.flatMap((id) => nodes.get(id) ?? [])
  const leaf = steps.at(-1)
  if (!leaf) return <p>Every task of the plan has ended.</p>
  return (
    <section className="card" aria-labelledby="critical-path">
      <h2 id="critical-path">Held back by</h2>
      <p>
        <TaskLink task={leaf} /> <Status value={leaf.status} />
      </p>
      <LeafReason taskId={leaf.id} />
      {steps.length < 2 ? null : (
        <details>
          <summary>Critical path of {steps.length} tasks</summary>
          <ol>
            {steps.toReversed().map((step) => (
              <li key={step.id}>
                <TaskLink task={step} /> <Status value={step.status} />
              </li>
            ))}
          </ol>
        </details>
      )}
    </section>
  )
}

function LeafReason({ taskId }: { readonly taskId: string }) {
  const { client } = useSession()
  const key = ['tasks', 'explain', taskId] as const
  useInvalidation(key, /^(task|agent|epic|project)\./, 2_000)
  const query = useQuery({ queryKey: key, queryFn: () => client.tasks.explain({ taskId }) })
  return (
    <QueryState query={query} what="the reason">
      {({ reasons, claimable, agents }) => {
        if (reasons.length > 0)
          return (
            <p>
              <AgentText>{reasons.map(({ message }) => message).join('; ')}</AgentText>
            </p>
          )
        if (claimable) return <p>Nothing keeps it: the next agent that asks for work can take it.</p>
        const lacking = agents.filter(({ excludedBy }) => excludedBy.includes('requires')).length
        return (
          <p>No live agent may take it{lacking === 0 ? '' : `: ${lacking} of ${agents.length} lack a capability`}.</p>
        )
      }}
    </QueryState>
  )
}
