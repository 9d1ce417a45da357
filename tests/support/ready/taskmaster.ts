/** A task or a subtask of a Task Master file, with the fields that `next` reads. */
interface Item {
  readonly id: number | string
  readonly status?: string
  readonly dependencies?: readonly (number | string)[] | null
  readonly subtasks?: readonly Item[] | null
}

interface TagList {
  readonly tag: string
  readonly tasks: readonly Item[]
}

/** The lists of a tagged or an untagged file. */
export function listsOf(text: string): TagList[] {
  const untagged: { readonly tasks?: readonly Item[] } = JSON.parse(text)
  if (Array.isArray(untagged.tasks)) return [{ tag: 'master', tasks: untagged.tasks }]
  const tagged: Record<string, { readonly tasks: readonly Item[] }> = JSON.parse(text)
  return Object.entries(tagged).map(([tag, { tasks }]) => ({ tag, tasks }))
}

const statusOf = ({ status }: Item): string => (status ?? 'pending').toLowerCase()
const isDone = (item: Item): boolean => ['done', 'completed'].includes(statusOf(item))

/** The ids of a tag that are done: `1` for a task, `1.2` for a subtask. */
function doneIds(tasks: readonly Item[]): ReadonlySet<string> {
  return new Set(
    tasks.flatMap((task) => [
      ...(isDone(task) ? [String(task.id)] : []),
      ...(task.subtasks ?? []).filter(isDone).map(({ id }) => `${task.id}.${id}`),
    ]),
  )
}

/**
 * The rule of `task-master next`, written from its documentation: a task may be taken when it is
 * pending and all its dependencies are done; a subtask, when its task is in progress, too. A task
 * that is offered and has open subtasks is worked on through them, so they stand for it. `next`
 * also offers a task in progress again, to its holder.
 */
export function readyInTaskmaster(lists: readonly TagList[]): string[] {
  return lists.flatMap(({ tag, tasks }) => {
    const done = doneIds(tasks)
    const ids = tasks.filter((task) => offered.includes(statusOf(task))).flatMap((task) => readyParts(task, done))
    return ids.map((id) => (tag === 'master' ? id : `${tag}:${id}`))
  })
}

const offered = ['pending', 'in-progress']

const areDone = (ids: readonly string[], done: ReadonlySet<string>): boolean => ids.every((id) => done.has(id))

/** Returns the id of a task that may be taken, or those of its subtasks. */
function readyParts(task: Item, done: ReadonlySet<string>): string[] {
  const isReady = areDone((task.dependencies ?? []).map(String), done)
  const isPending = (item: Item) => statusOf(item) === 'pending'
  const open = (task.subtasks ?? []).filter((sub) => !isDone(sub) && statusOf(sub) !== 'cancelled')
  if (open.length === 0) return isReady && isPending(task) ? [String(task.id)] : []
  if (!isReady && isPending(task)) return []
  const fullId = (id: number | string) => (String(id).includes('.') ? String(id) : `${task.id}.${id}`)
  return open
    .filter((sub) => isPending(sub) && areDone((sub.dependencies ?? []).map(fullId), done))
    .map(({ id }) => `${task.id}.${id}`)
}

/** The reason for which a task may be taken in Task Master and not here, or the reverse. */
export function taskmasterReason(
  lists: readonly TagList[],
  { id, where }: { readonly id: string; readonly where: 'source' | 'here' },
): string | undefined {
  const [tag, local] = id.includes(':')
    ? [id.slice(0, id.lastIndexOf(':')), id.slice(id.lastIndexOf(':') + 1)]
    : ['master', id]
  const tasks = lists.find((list) => list.tag === tag)?.tasks ?? []
  const task = tasks.find((each) => local === String(each.id) || local.startsWith(`${each.id}.`))
  if (where === 'here') return undefined
  const before = (task?.dependencies ?? []).map(String)
  return task && !areDone(before, doneIds(tasks))
    ? 'a subtask waits for the dependencies of its task, which next does not check'
    : undefined
}
