import type { FeedEvent } from '@tony/mcp-client'
import { fieldsOf } from '../../data/patch-task.ts'

/** Number of titles that are kept; the oldest are forgotten first. */
const limit = 20_000

const titles = new Map<string, string>()

/** The titles of tasks that events have told since the page was loaded. */
export const knownTitles: ReadonlyMap<string, string> = titles

export function rememberTitle(id: string, title: string): void {
  titles.set(id, title)
  if (titles.size <= limit) return
  for (const oldest of titles.keys()) {
    titles.delete(oldest)
    return
  }
}

/** Remembers the titles of created and changed tasks, so that their claims need no read. */
export function rememberTitles(events: readonly FeedEvent[]): void {
  for (const event of events) {
    const { title } = fieldsOf(event)
    if (event.subject !== null && typeof title === 'string') rememberTitle(event.subject, title)
  }
}
