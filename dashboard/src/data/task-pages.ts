import type { InfiniteData } from '@tanstack/react-query'
import type { FeedEvent, Task } from '@tony/mcp-client'
import { fieldsOf, patchTask, statusAfterEvent } from './patch-task.ts'

/** A filter of `tasks.list`. */
export interface TaskFilters {
  readonly status?: Task['status']
  readonly type?: string
  readonly epic?: string
  readonly story?: string
  readonly claimedBy?: string
  readonly parentId?: string
}

export interface TaskPage {
  readonly tasks: readonly Task[]
  readonly nextCursor: string | null
  /** Position of the feed when the read began; absent once the events since then are applied. */
  readonly readSince?: number
}

export type TaskPages = InfiniteData<TaskPage, string | undefined>

const filterNames = ['status', 'type', 'epic', 'story', 'claimedBy', 'parentId'] as const

export const isMatch = (task: Task, filters: TaskFilters): boolean =>
  filterNames.every((name) => filters[name] === undefined || task[name] === filters[name])

/** Groups the events of tasks by their task, in their order. */
function groupByTask(events: readonly FeedEvent[]): ReadonlyMap<string, readonly FeedEvent[]> {
  const groups = new Map<string, FeedEvent[]>()
  for (const event of events) {
    if (event.subject === null || !event.type.startsWith('task.')) continue
    const group = groups.get(event.subject)
    if (group) group.push(event)
    else groups.set(event.subject, [event])
  }
  return groups
}

/** True for an event that gives a task to an agent. */
const isTaking = (event: FeedEvent, agentId: string): boolean =>
  /^task\.(claimed|adopted)$/.test(event.type) && fieldsOf(event).agentId === agentId

/** True if a task that is not listed may belong to the list after its events. */
function mayEnter(events: readonly FeedEvent[], { status, claimedBy, ...place }: TaskFilters): boolean {
  // An update may give it the place in the plan that the filters ask for.
  const hasPlace = Object.values(place).some((value) => value !== undefined)
  if (hasPlace && events.some(({ type }) => type === 'task.updated')) return true
  if (status !== undefined) return events.map(statusAfterEvent).findLast((after) => after !== undefined) === status
  if (claimedBy !== undefined) return events.some((event) => isTaking(event, claimedBy))
  return events.some(({ type }) => type === 'task.created')
}

/** Returns the position of the feed at which the reads began whose pages lack the events since. */
export function readSinceOf({ pages }: TaskPages): number | undefined {
  const positions = pages.flatMap(({ readSince }) => readSince ?? [])
  return positions.length === 0 ? undefined : Math.min(...positions)
}

/** True if tasks left the list while others follow behind it. */
export const hasGap = (before: TaskPages, after: TaskPages): boolean =>
  after.pages.at(-1)?.nextCursor !== null && countTasks(after) < countTasks(before)

const countTasks = ({ pages }: TaskPages): number => pages.reduce((count, { tasks }) => count + tasks.length, 0)

export interface PatchedPages {
  readonly pages: TaskPages
  /** Ids of the tasks to read: they may belong to the list now, or an update changed them. */
  readonly entering: readonly string[]
}

/**
 * Returns the pages after some events: listed tasks are patched, and tasks that no longer match
 * leave. A page without a change stays the same object, so that it is not drawn again. The events
 * must begin at `readSinceOf` of the pages, if it is defined.
 */
export function patchPages(pages: TaskPages, events: readonly FeedEvent[], filters: TaskFilters): PatchedPages {
  const groups = groupByTask(events)
  const unlisted = new Map(groups)
  const patchPage = (page: TaskPage): TaskPage => {
    if (page.readSince === undefined && !page.tasks.some(({ id }) => groups.has(id))) return page
    const tasks = page.tasks.flatMap((task) => {
      const group = groups.get(task.id)
      if (!group) return [task]
      unlisted.delete(task.id)
      const patched = group.reduce(patchTask, task)
      return isMatch(patched, filters) ? [patched] : []
    })
    return { tasks, nextCursor: page.nextCursor }
  }
  const patched = pages.pages.map(patchPage)
  // An update may have changed fields that its event does not tell.
  const isRead = ([id, group]: [string, readonly FeedEvent[]]): boolean =>
    unlisted.has(id) ? mayEnter(group, filters) : group.some(({ type }) => type === 'task.updated')
  const entering = [...groups].filter(isRead).map(([id]) => id)
  const isSame = patched.every((page, index) => page === pages.pages[index])
  return { pages: isSame ? pages : { ...pages, pages: patched }, entering }
}

/** Returns the pages with other tasks in place of a listed one. */
const replaceTask = (pages: TaskPages, taskId: string, others: readonly Task[]): TaskPages => ({
  ...pages,
  pages: pages.pages.map((page) =>
    page.tasks.some(({ id }) => id === taskId)
      ? { ...page, tasks: page.tasks.flatMap((one) => (one.id === taskId ? others : [one])) }
      : page,
  ),
})

/** Returns the pages with a task that was read, or without it if it does not match. */
export const placeTask = (pages: TaskPages, task: Task, filters: TaskFilters): TaskPages =>
  isMatch(task, filters) ? insertTask(pages, task) : replaceTask(pages, task.id, [])

/**
 * Returns the pages with a task that was read: at its place in the order of creation, if that place
 * is loaded.
 */
export function insertTask(pages: TaskPages, task: Task): TaskPages {
  if (pages.pages.some(({ tasks }) => tasks.some(({ id }) => id === task.id)))
    return replaceTask(pages, task.id, [task])
  const isLater = (other: Task) => other.createdAt > task.createdAt
  const found = pages.pages.findIndex(({ tasks }) => tasks.some(isLater))
  const last = pages.pages.length - 1
  if (found === -1 && pages.pages[last]?.nextCursor !== null) return pages
  const index = found === -1 ? last : found
  const inserted = pages.pages.map((page, place) => {
    if (place !== index) return page
    const at = page.tasks.findIndex(isLater)
    return { ...page, tasks: page.tasks.toSpliced(at === -1 ? page.tasks.length : at, 0, task) }
  })
  return { ...pages, pages: inserted }
}
