import type { Checker } from './checker.ts'
import type { EventRow, Stored } from './database.ts'
import { violation } from './violation.ts'

/** The paused scopes at a position of the log. */
class Paused {
  readonly #what = new Set<string>()

  note({ type, subject, epic }: EventRow): void {
    const [noun, verb] = type.split('.')
    if (verb !== 'paused' && verb !== 'resumed') return
    const what = `${noun} ${noun === 'epic' ? epic : noun === 'project' ? '' : subject}`
    if (verb === 'paused') this.#what.add(what)
    else this.#what.delete(what)
  }

  holdsBack(agentId: string | null, epic: string | null): boolean {
    return (
      this.#what.has('project ') ||
      this.#what.has(`agent ${agentId}`) ||
      (epic !== null && this.#what.has(`epic ${epic}`))
    )
  }
}

/**
 * No task of a paused scope is claimed until it is resumed. The order of the log, which is that of
 * the commits, decides.
 */
export const pauses: Checker = (_recorded, stored: Stored) => {
  const paused = new Paused()
  return stored.events.flatMap((event) => {
    paused.note(event)
    if (event.type !== 'task.claimed' || !paused.holdsBack(event.agentId ?? event.actor, event.epic)) return []
    return [violation('claimed-while-paused', `task ${event.subject}`, event)]
  })
}
