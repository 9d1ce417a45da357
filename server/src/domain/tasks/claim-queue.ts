import type { Wake } from '../../store/store.ts'

type TasksWake = Extract<Wake, { topic: 'tasks' }>

/** Who is asking for work. */
export interface AgentRef {
  readonly project: string
  readonly agentId: string
}

/** What it may take, as far as routing goes. */
export interface Claimant extends AgentRef {
  readonly capabilities: ReadonlySet<string>
}

/** Whether an agent may take tasks that ask for this. `requires` is a JSON list, `assignedTo` an id or ''. */
export function canClaim(claimant: Claimant, requires: readonly string[], assignedTo: string): boolean {
  if (assignedTo !== '' && assignedTo !== claimant.agentId) return false
  return requires.every((capability) => claimant.capabilities.has(capability))
}

/**
 * How a claim found its agent: with what it may take, or `closed`: paused or draining, it takes nothing. `unsure` until the
 * first claim, and when something about the agent has changed since the last.
 */
export type Eligibility = Claimant | 'closed' | 'unsure'

/** One blocked claim. */
class Waiter {
  readonly agent: AgentRef
  readonly notify: () => void
  eligibility: Eligibility = 'unsure'
  /** The wake it was given and has not used yet. */
  pendingWake: TasksWake | undefined
  /** The wake its running attempt uses. */
  activeWake: TasksWake | undefined

  constructor(asker: AgentRef, ring: () => void) {
    this.agent = asker
    this.notify = ring
  }

  canUse(requires: readonly string[], assignedTo: string): boolean {
    if (this.eligibility === 'closed') return false
    if (this.eligibility === 'unsure') return assignedTo === '' || assignedTo === this.agent.agentId
    return canClaim(this.eligibility, requires, assignedTo)
  }
}

/** A place in the queue of those who wait for work. */
export interface QueuePosition {
  /** Said before each claim: it uses the wakes that came before it, and none that comes while it runs. */
  beforeAttempt(): void
  /** Said after each claim. A wake for what this agent may not take goes to the next in line. */
  afterAttempt(eligibility: Eligibility): void
  /** Gives the place up. A wake that was not used goes to the next in line. */
  leave(): void
}

/**
 * Claims that wait for work, first in first out, outside any transaction. n new tasks wake the first n that may take them.
 */
export class ClaimQueue {
  readonly #waitersByProject = new Map<string, Set<Waiter>>()

  /** How many claims wait, over all projects. */
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
    const line = this.#waitersByProject.get(wake.project)
    if (!line || line.size === 0) return
    const requires: readonly string[] = JSON.parse(wake.requires)
    let remaining = wake.count
    for (const waiter of line) {
      if (remaining === 0) return
      if (waiter.pendingWake || !waiter.canUse(requires, wake.assignedTo)) continue
      waiter.pendingWake = wake
      waiter.notify()
      remaining -= 1
    }
  }

  /** What an agent of the project may take has changed, or what each of them may: those who wait try again. */
  recheck(project: string, agentId: string | null): void {
    for (const waiter of this.#waitersByProject.get(project) ?? []) {
      if (agentId !== null && waiter.agent.agentId !== agentId) continue
      waiter.eligibility = 'unsure'
      waiter.notify()
    }
  }
}
