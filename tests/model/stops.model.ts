import type { Agent, Named, State } from './state.ts'

/** The scope of a pause. It stops new claims and deliveries; current ones continue. */
export type Scope = { readonly agent: Agent } | { readonly epic: string } | { readonly project: Named }

function stopAgent(state: State, agent: Agent, stop: boolean): void {
  // A resume also ends the drain of an agent.
  const changes = agent.paused !== stop || (!stop && agent.draining)
  agent.paused = stop
  if (!stop) agent.draining = false
  if (changes) state.tell(stop ? 'agent.paused' : 'agent.resumed', agent, undefined, { name: agent.name })
}

function stopEpic(state: State, epic: string, stop: boolean): void {
  if (state.pausedEpics.has(epic) === stop) return
  if (stop) state.pausedEpics.add(epic)
  else state.pausedEpics.delete(epic)
  state.tell(stop ? 'epic.paused' : 'epic.resumed', null, undefined, { epic }, { epic })
}

export function setStopped(state: State, scope: Scope, stop: boolean): object {
  if ('agent' in scope) stopAgent(state, scope.agent, stop)
  else if ('epic' in scope) stopEpic(state, scope.epic, stop)
  else if (state.paused !== stop) {
    state.paused = stop
    state.tell(stop ? 'project.paused' : 'project.resumed', scope.project, undefined, {})
  }
  return { paused: stop }
}

export function drain(state: State, agent: Agent): object {
  if (!agent.draining) state.tell('agent.draining', agent, undefined, { name: agent.name })
  agent.draining = true
  return {}
}

export function setPools(state: State, project: Named, pools: Readonly<Record<string, number>>): object {
  const changed = Object.entries(pools).filter(([name, size]) => state.locks.pools.get(name) !== size)
  for (const [name, size] of changed) state.locks.pools.set(name, size)
  if (changed.length > 0) state.tell('project.updated', project, undefined, {})
  return {}
}
