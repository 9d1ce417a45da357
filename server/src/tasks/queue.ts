import type { Wake } from '../store/store.ts'

type TasksWake = Extract<Wake, { topic: 'tasks' }>

/** Who is asking for work, as far as routing goes. */
export interface Claimant {
  readonly project: string
  readonly agentId: string
  readonly capabilities: ReadonlySet<string>
}

/** Whether an agent may take tasks that ask for this. `requires` is a JSON list, `assignedTo` an id or ''. */
export function mayTake(claimant: Claimant, requires: readonly string[], assignedTo: string): boolean {
  if (assignedTo !== '' && assignedTo !== claimant.agentId) return false
  return requires.every((capability) => claimant.capabilities.has(capability))
}

/** One blocked claim. */
class Waiter {
  readonly claimant: Claimant
  readonly ring: () => void
  /** The wake it was given and has not used yet. */
  given: TasksWake | undefined

  constructor(claimant: Claimant, ring: () => void) {
    this.claimant = claimant
    this.ring = ring
  }
}

/** A place in the queue of those who wait for work. */
export interface Place {
  /** Said before each claim: it uses the wakes that came before it, and none that comes while it runs. */
  trying(): void
  /** Gives the place up. A wake that was not used goes to the next in line. */
  leave(): void
}

/**
 * Claims that wait for work, first in first out, outside any transaction. n new tasks wake the first n that may take them.
 */
export class Queue {
  readonly #waiting = new Map<string, Set<Waiter>>()

  enter(claimant: Claimant, ring: () => void): Place {
    const waiter = new Waiter(claimant, ring)
    const line = this.#waiting.get(claimant.project) ?? new Set()
    this.#waiting.set(claimant.project, line.add(waiter))
    return {
      trying: () => {
        waiter.given = undefined
      },
      leave: () => {
        line.delete(waiter)
        const { given } = waiter
        waiter.given = undefined
        if (given) this.wake({ ...given, count: 1 })
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
      if (waiter.given || !mayTake(waiter.claimant, requires, wake.assignedTo)) continue
      waiter.given = wake
      waiter.ring()
      left -= 1
    }
  }
}
