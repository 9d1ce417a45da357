import type { Client } from '@tony/mcp-client'
import type { Command } from 'commander'
import { formatCell } from '../output/cells.ts'
import { addVerb } from './verb.ts'

type Explanation = Awaited<ReturnType<Client['tasks']['explain']>>

/** Number of agents in the output for people. */
const maxAgents = 20

/** The exclusions of an agent, in words. */
const exclusionTexts: Readonly<Record<string, string>> = {
  role: 'its role may not work on tasks',
  requires: 'it lacks a required capability',
  assigned_to: 'the task is for another agent',
  agent_paused: 'it is paused',
  agent_draining: 'it is draining',
  agent_offline: 'it is offline',
}

/** Returns the reasons why a task is not running, one on each line. */
export function formatReasons({ reasons, claimable, agents }: Explanation): string[] {
  if (reasons.length > 0) return reasons.map(({ message }) => formatCell(message))
  if (claimable) return ['nothing keeps it: an agent that asks for work can take it']
  return [agents.length === 0 ? 'there are no agents' : 'no live agent may take it']
}

function formatExplanation(explanation: Explanation): string {
  const { taskId, status, agents, truncated } = explanation
  const agentLines = agents.slice(0, maxAgents).map(({ name, eligible, excludedBy }) => {
    const why = excludedBy.map((predicate) => exclusionTexts[predicate] ?? predicate)
    return `  ${formatCell(name)}: ${eligible ? 'may take it' : why.join(', ')}`
  })
  const hidden = agents.length > maxAgents || truncated ? ['  …'] : []
  const reasons = formatReasons(explanation).map((reason) => `  ${reason}`)
  const isWaiting = status === 'pending' || status === 'blocked'
  return [`${taskId} is ${status}`, ...reasons, ...(isWaiting ? [...agentLines, ...hidden] : [])].join('\n')
}

/** Adds `tony-mcp explain`. */
export function addExplainCommand(tony: Command): void {
  addVerb<object, Explanation>(tony, {
    name: 'explain',
    usage: '<task>',
    description: '',
    run: ({ client, values: [taskId = ''] }) => client.tasks.explain({ taskId }),
    format: formatExplanation,
  })
}
