import type { EventType } from '@tony/mcp-shared/event-words'
import type { Commit } from '../../store/commit/commit.ts'

/** The counts of a project since its last sample. */
export interface ActivityCounts {
  created: number
  completed: number
  failed: number
  cancelled: number
  claimed: number
  /** Sum of the waits of the claimed tasks, and the longest one, in milliseconds. */
  claimWaitMs: number
  claimWaitMaxMs: number
  sent: number
  acked: number
  returned: number
  dead: number
  events: number
  refused: number
}

const countOfEvent: Readonly<Partial<Record<EventType, keyof ActivityCounts>>> = {
  'task.created': 'created',
  'task.completed': 'completed',
  'task.failed': 'failed',
  'task.cancelled': 'cancelled',
  'task.claimed': 'claimed',
  'message.sent': 'sent',
  'message.acked': 'acked',
  'message.nacked': 'returned',
  'message.returned': 'returned',
  'message.dead': 'dead',
}

const noCounts = (): ActivityCounts => ({
  created: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  claimed: 0,
  claimWaitMs: 0,
  claimWaitMaxMs: 0,
  sent: 0,
  acked: 0,
  returned: 0,
  dead: 0,
  events: 0,
  refused: 0,
})

/**
 * Counts the commits and the refusals of this process, by project. The counters of the database
 * are no source: retention decreases them.
 */
export class Activity {
  #counts = new Map<string, ActivityCounts>()

  countCommit({ project, events }: Pick<Commit, 'project' | 'events'>): void {
    if (events.length === 0) return
    const counts = this.#countsOf(project)
    counts.events += events.length
    for (const { event } of events) {
      const name = countOfEvent[event.type]
      if (name === undefined) continue
      counts[name] += 1
      if (event.waitMs === undefined) continue
      counts.claimWaitMs += event.waitMs
      counts.claimWaitMaxMs = Math.max(counts.claimWaitMaxMs, event.waitMs)
    }
  }

  countRefusal(project: string): void {
    this.#countsOf(project).refused += 1
  }

  /** The projects with counts that no sample has. */
  get projects(): readonly string[] {
    return [...this.#counts.keys()]
  }

  /** Removes and returns the counts of a project. */
  take(project: string): ActivityCounts {
    const counts = this.#counts.get(project) ?? noCounts()
    this.#counts.delete(project)
    return counts
  }

  /** Adds counts whose sample could not be written. */
  putBack(project: string, taken: Readonly<ActivityCounts>): void {
    const counts = this.#countsOf(project)
    const longest = Math.max(counts.claimWaitMaxMs, taken.claimWaitMaxMs)
    for (const name of Object.keys(noCounts()) as (keyof ActivityCounts)[]) counts[name] += taken[name]
    counts.claimWaitMaxMs = longest
  }

  #countsOf(project: string): ActivityCounts {
    const known = this.#counts.get(project)
    if (known) return known
    const counts = noCounts()
    this.#counts.set(project, counts)
    return counts
  }
}
