import type { Task } from '@tony/mcp-client'
import { toWords } from '../../ui/format.ts'
import { QueryState } from '../../ui/query-state.tsx'
import { useExplanation } from './use-task.ts'

const waitingStatuses: readonly Task['status'][] = ['blocked', 'pending', 'input_required', 'in_review']

/** Number of agents that are listed with the reasons that exclude them. */
const agentLimit = 12

/** Why the task is not running, as the server explains it. */
export function WhyNotRunning({ task }: { readonly task: Task }) {
  const isWaiting = waitingStatuses.includes(task.status)
  const query = useExplanation(task.id, isWaiting)
  if (!isWaiting) return null
  return (
    <section className="card" aria-labelledby="why">
      <h2 id="why">Why it is not running</h2>
      <QueryState query={query} what="the reasons">
        {({ reasons, claimable, agents }) => (
          <>
            <ul>
              {reasons.map(({ predicate, message }) => (
                <li key={`${predicate} ${message}`}>{message}</li>
              ))}
              {reasons.length > 0 ? null : (
                <li>
                  {claimable
                    ? 'Nothing keeps it: the next agent that asks for work can take it.'
                    : agents.length === 0
                      ? 'There are no agents.'
                      : 'No live agent may take it.'}
                </li>
              )}
            </ul>
            {agents.length === 0 ? null : (
              <details>
                <summary>
                  {agents.filter(({ eligible }) => eligible).length} of {agents.length} agents may take it
                </summary>
                <ul>
                  {agents.slice(0, agentLimit).map(({ agentId, name, eligible, excludedBy }) => (
                    <li key={agentId}>
                      {name}: {eligible ? 'may take it' : excludedBy.map(toWords).join(', ')}
                    </li>
                  ))}
                </ul>
              </details>
            )}
          </>
        )}
      </QueryState>
    </section>
  )
}
