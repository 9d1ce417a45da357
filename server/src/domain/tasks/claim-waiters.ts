import type { StoreNotification } from '../../store/store.ts'

type TasksNotification = Extract<StoreNotification, { topic: 'tasks' }>

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
 * The state of a waiting claim's agent, as its last attempt has read it: its capabilities, or
 * `closed` if the agent is paused or draining and may claim nothing. The state is `unsure` before
 * the first attempt, and after a change of the agent until the next attempt.
 */
export type ClaimantState = Claimant | 'closed' | 'unsure'

/** One blocking claim. */
class Waiter {
  readonly agent: AgentRef
  readonly notify: () => void
  claimantState: ClaimantState = 'unsure'
  /** The notification that this waiter has received and not used yet. */
  pendingNotification: TasksNotification | undefined
  /** The notification that the running attempt uses. */
  activeNotification: TasksNotification | undefined

  constructor(agent: AgentRef, notify: () => void) {
    this.agent = agent
    this.notify = notify
  }

  canUse(requires: readonly string[], assignedTo: string): boolean {
    if (this.claimantState === 'closed') return false
    if (this.claimantState === 'unsure') return assignedTo === '' || assignedTo === this.agent.agentId
    return canClaim(this.claimantState, requires, assignedTo)
  }
}

/** A position in the queue of blocking claims. */
export interface ClaimWaitHandle {
  /**
   * Call before each claim. The claim uses the notifications that came before it, and none that
   * comes while it runs.
   */
  beforeAttempt(): void
  /**
   * Call after each claim. A notification for tasks that this agent may not take goes to the next
   * waiter.
   */
  afterAttempt(state: ClaimantState): void
  /** Leaves the queue. An unused notification goes to the next waiter. */
  leave(): void
}

/**
 * The blocking claims, first in first out, outside any transaction. `n` new tasks wake the first
 * `n` waiters that may take them.
 */
export class ClaimWaiters {
  readonly #waitersByProject = new Map<string, Set<Waiter>>()

  /** The number of blocking claims in all projects. */
  get waitingCount(): number {
    return [...this.#waitersByProject.values()].reduce((sum, waiters) => sum + waiters.size, 0)
  }

  enter(agent: AgentRef, notify: () => void): ClaimWaitHandle {
    const waiter = new Waiter(agent, notify)
    const waiters = this.#waitersByProject.get(agent.project) ?? new Set()
    this.#waitersByProject.set(agent.project, waiters.add(waiter))
    const passOn = (notifications: readonly (TasksNotification | undefined)[]) => {
      for (const notification of notifications) if (notification) this.notify({ ...notification, count: 1 })
    }
    return {
      beforeAttempt: () => {
        waiter.activeNotification = waiter.pendingNotification ?? waiter.activeNotification
        waiter.pendingNotification = undefined
      },
      afterAttempt: (state) => {
        waiter.claimantState = state
        const unusable = [waiter.activeNotification, waiter.pendingNotification].filter(
          (notification) => notification && !waiter.canUse(JSON.parse(notification.requires), notification.assignedTo),
        )
        waiter.activeNotification = undefined
        if (unusable.includes(waiter.pendingNotification)) waiter.pendingNotification = undefined
        passOn(unusable)
      },
      leave: () => {
        waiters.delete(waiter)
        const { activeNotification, pendingNotification } = waiter
        waiter.activeNotification = undefined
        waiter.pendingNotification = undefined
        passOn([activeNotification, pendingNotification])
      },
    }
  }

  notify(notification: TasksNotification): void {
    const waiters = this.#waitersByProject.get(notification.project)
    if (!waiters || waiters.size === 0) return
    const requires: readonly string[] = JSON.parse(notification.requires)
    let remaining = notification.count
    for (const waiter of waiters) {
      if (remaining === 0) return
      if (waiter.pendingNotification || !waiter.canUse(requires, notification.assignedTo)) continue
      waiter.pendingNotification = notification
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
      waiter.claimantState = 'unsure'
      waiter.notify()
    }
  }
}
