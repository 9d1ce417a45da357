import type { Wake } from '../../store/store.ts'

type TasksWake = Extract<Wake, { topic: 'tasks' }>

/** Who is asking for work. */
export interface Asker {
  readonly project: string
  readonly agentId: string
}

/** What it may take, as far as routing goes. */
export interface Claimant extends Asker {
  readonly capabilities: ReadonlySet<string>
}

/** Whether an agent may take tasks that ask for this. `requires` is a JSON list, `assignedTo` an id or ''. */
export function mayTake(claimant: Claimant, requires: readonly string[], assignedTo: string): boolean {
  if (assignedTo !== '' && assignedTo !== claimant.agentId) return false
  return requires.every((capability) => claimant.capabilities.has(capability))
}

/**
 * How a claim found its agent: with what it may take, or `closed`: paused or draining, it takes nothing. `unsure` until the
 * first claim, and when something about the agent has changed since the last.
 */
export type Standing = Claimant | 'closed' | 'unsure'

/** One blocked claim. */
class Waiter {
  readonly asker: Asker
  readonly ring: () => void
  standing: Standing = 'unsure'
  /** The wake it was given and has not used yet. */
  given: TasksWake | undefined
  /** The wake its running attempt uses. */
  using: TasksWake | undefined

  constructor(asker: Asker, ring: () => void) {
    this.asker = asker
    this.ring = ring
  }

  mayUse(requires: readonly string[], assignedTo: string): boolean {
    if (this.standing === 'closed') return false
    if (this.standing === 'unsure') return assignedTo === '' || assignedTo === this.asker.agentId
    return mayTake(this.standing, requires, assignedTo)
  }
}

/** A place in the queue of those who wait for work. */
export interface Place {
  /** Said before each claim: it uses the wakes that came before it, and none that comes while it runs. */
  trying(): void
  /** Said after each claim. A wake for what this agent may not take goes to the next in line. */
  tried(standing: Standing): void
  /** Gives the place up. A wake that was not used goes to the next in line. */
  leave(): void
}

/**
 * Claims that wait for work, first in first out, outside any transaction. n new tasks wake the first n that may take them.
 */
export class Queue {
  readonly #waiting = new Map<string, Set<Waiter>>()

  /** How many claims wait, over all projects. */
  get waiting(): number {
    return [...this.#waiting.values()].reduce((sum, line) => sum + line.size, 0)
  }

  enter(asker: Asker, ring: () => void): Place {
    const waiter = new Waiter(asker, ring)
    const line = this.#waiting.get(asker.project) ?? new Set()
    this.#waiting.set(asker.project, line.add(waiter))
    const passOn = (wakes: readonly (TasksWake | undefined)[]) => {
      for (const wake of wakes) if (wake) this.wake({ ...wake, count: 1 })
    }
    return {
      trying: () => {
        waiter.using = waiter.given ?? waiter.using
        waiter.given = undefined
      },
      tried: (standing) => {
        waiter.standing = standing
        const useless = [waiter.using, waiter.given].filter(
          (wake) => wake && !waiter.mayUse(JSON.parse(wake.requires), wake.assignedTo),
        )
        waiter.using = undefined
        if (useless.includes(waiter.given)) waiter.given = undefined
        passOn(useless)
      },
      leave: () => {
        line.delete(waiter)
        const { using, given } = waiter
        waiter.using = undefined
        waiter.given = undefined
        passOn([using, given])
      },
    }
  }

  wake(wake: TasksWake): void {
    const line = this.#waiting.get(wake.project)
    if (!line || line.size === 0) return
    const requires: readonly string[] = JSON.parse(wake.requires)
    let left = wake.count
    for (const waiter of line) {
      if (left === 0) return
      if (waiter.given || !waiter.mayUse(requires, wake.assignedTo)) continue
      waiter.given = wake
      waiter.ring()
      left -= 1
    }
  }

  /** What an agent of the project may take has changed, or what each of them may: those who wait try again. */
  reconsider(project: string, agentId: string | null): void {
    for (const waiter of this.#waiting.get(project) ?? []) {
      if (agentId !== null && waiter.asker.agentId !== agentId) continue
      waiter.standing = 'unsure'
      waiter.ring()
    }
  }
}
