import type { Task } from '@tony/mcp-client'
import { stuckReasonsOf } from '@tony/mcp-shared/stuck'
import { AgentText } from '../../ui/agent-text.tsx'
import { toWords } from '../../ui/format.ts'
import { QueryState } from '../../ui/query-state.tsx'
import { type Explanation, useExplanation } from './use-task.ts'

const waitingStatuses: readonly Task['status'][] = ['blocked', 'pending', 'input_required', 'in_review']

/** Number of agents that are listed with the reasons that exclude them. */
const agentLimit = 12

/** Returns the reasons as sentences. A task that an agent may take has one that says so. */
function toReasons(explanation: Explanation): readonly string[] {
  const reasons = explanation.reasons.map(({ message }) => message)
  if (reasons.length > 0) return reasons
  if (explanation.claimable) return ['nothing keeps it: the next agent that asks for work can take it']
  return stuckReasonsOf(explanation)
}

/** Why the task is not running, as the server explains it. */
export function WhyNotRunning({ task }: { readonly task: Task }) {
  const isWaiting = waitingStatuses.includes(task.status)
  const query = useExplanation(task.id, isWaiting)
  if (!isWaiting) return null
  return (
    <section className="card" aria-labelledby="why">
      <h2 id="why">Why it is not running</h2>
      <QueryState query={query} what="the reasons">
        {(explanation) => (
          <>
            <ul>
              {toReasons(explanation).map((reason) => (
                <li key={reason}>
                  <AgentText>{reason}</AgentText>
                </li>
              ))}
            </ul>
            <Candidates explanation={explanation} requires={task.requires} />
          </>
        )}
      </QueryState>
    </section>
  )
}

interface CandidatesProps {
  readonly explanation: Explanation
  readonly requires: readonly string[]
}

/** The agents with the reasons that exclude them, open at once if nobody may take the task. */
function Candidates({ explanation: { agents, claimable, truncated }, requires }: CandidatesProps) {
  if (agents.length === 0) return null
  const eligible = agents.filter((agent) => agent.eligible).length
  return (
    <details open={!claimable && eligible === 0}>
      <summary>
        {eligible} of {agents.length}
        {truncated ? ' and more' : ''} agents may take it
        {requires.length === 0 ? null : <AgentText>{`; it requires ${requires.join(', ')}`}</AgentText>}
      </summary>
      <ul>
        {agents.slice(0, agentLimit).map(({ agentId, name, eligible: mayTake, excludedBy }) => (
          <li key={agentId}>
            <AgentText>{name}</AgentText>: {mayTake ? 'may take it' : excludedBy.map(toWords).join(', ')}
          </li>
        ))}
      </ul>
    </details>
  )
}
