import type { Wake } from '../../store/store.ts'

type TasksWake = Extract<Wake, { topic: 'tasks' }>

/** An agent that claims. */
export interface AgentRef {
  readonly project: string
  readonly agentId: string
}

/** An agent with the capabilities that decide its claim groups. */
export interface Claimant extends AgentRef {
  readonly capabilities: ReadonlySet<string>
}

/** True if an agent may take tasks with these requirements. An `assignedTo` of '' means anyone. */
export function canClaim(claimant: Claimant, requires: readonly string[], assignedTo: string): boolean {
  if (assignedTo !== '' && assignedTo !== claimant.agentId) return false
  return requires.every((capability) => claimant.capabilities.has(capability))
}

/**
 * The result of a claim's check of its agent: its capabilities, or `closed` if it is paused or
 * draining and takes nothing. `unsure` before the first claim, and after a change of the agent
 * since the last one.
 */
export type Eligibility = Claimant | 'closed' | 'unsure'

/** One blocking claim. */
class Waiter {
  readonly agent: AgentRef
  readonly notify: () => void
  eligibility: Eligibility = 'unsure'
  /** The wake that this waiter has received and not used yet. */
  pendingWake: TasksWake | undefined
  /** The wake that the running attempt uses. */
  activeWake: TasksWake | undefined

  constructor(agent: AgentRef, notify: () => void) {
    this.agent = agent
    this.notify = notify
  }

  canUse(requires: readonly string[], assignedTo: string): boolean {
    if (this.eligibility === 'closed') return false
    if (this.eligibility === 'unsure') return assignedTo === '' || assignedTo === this.agent.agentId
    return canClaim(this.eligibility, requires, assignedTo)
  }
}

/** A position in the queue of blocking claims. */
export interface QueuePosition {
  /**
   * Call before each claim. The claim uses the wakes that came before it, and none that comes while
   * it runs.
   */
  beforeAttempt(): void
  /**
   * Call after each claim. A wake for tasks that this agent may not take goes to the next waiter.
   */
  afterAttempt(eligibility: Eligibility): void
  /** Leaves the queue. An unused wake goes to the next waiter. */
  leave(): void
}

/**
 * The blocking claims, first in first out, outside any transaction. `n` new tasks wake the first
 * `n` waiters that may take them.
 */
export class ClaimQueue {
  readonly #waitersByProject = new Map<string, Set<Waiter>>()

  /** The number of blocking claims in all projects. */
  get waitingCount(): number {
    return [...this.#waitersByProject.values()].reduce((sum, waiters) => sum + waiters.size, 0)
  }

  enter(agent: AgentRef, notify: () => void): QueuePosition {
    const waiter = new Waiter(agent, notify)
    const waiters = this.#waitersByProject.get(agent.project) ?? new Set()
    this.#waitersByProject.set(agent.project, waiters.add(waiter))
    const passWakesOn = (wakes: readonly (TasksWake | undefined)[]) => {
      for (const wake of wakes) if (wake) this.wake({ ...wake, count: 1 })
    }
    return {
      beforeAttempt: () => {
        waiter.activeWake = waiter.pendingWake ?? waiter.activeWake
        waiter.pendingWake = undefined
      },
      afterAttempt: (eligibility) => {
        waiter.eligibility = eligibility
        const unusable = [waiter.activeWake, waiter.pendingWake].filter(
          (wake) => wake && !waiter.canUse(JSON.parse(wake.requires), wake.assignedTo),
        )
        waiter.activeWake = undefined
        if (unusable.includes(waiter.pendingWake)) waiter.pendingWake = undefined
        passWakesOn(unusable)
      },
      leave: () => {
        waiters.delete(waiter)
        const { activeWake, pendingWake } = waiter
        waiter.activeWake = undefined
        waiter.pendingWake = undefined
        passWakesOn([activeWake, pendingWake])
      },
    }
  }

  wake(wake: TasksWake): void {
    const waiters = this.#waitersByProject.get(wake.project)
    if (!waiters || waiters.size === 0) return
    const requires: readonly string[] = JSON.parse(wake.requires)
    let remaining = wake.count
    for (const waiter of waiters) {
      if (remaining === 0) return
      if (waiter.pendingWake || !waiter.canUse(requires, wake.assignedTo)) continue
      waiter.pendingWake = wake
      waiter.notify()
      remaining -= 1
    }
  }

  /**
   * Lets the waiters of an agent, or of the whole project if it is null, try again after a change
   * of the tasks they may take.
   */
  recheck(project: string, agentId: string | null): void {
    for (const waiter of this.#waitersByProject.get(project) ?? []) {
      if (agentId !== null && waiter.agent.agentId !== agentId) continue
      waiter.eligibility = 'unsure'
      waiter.notify()
    }
  }
}
