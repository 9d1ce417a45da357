import type { TaskOutline } from './project.ts'

/** The tag of tasks without an epic. Its tasks have plain numbers. */
export const mainTag = 'master'

/** The place of a task in the file. */
export interface TaskmasterPosition {
  readonly tag: string
  /** Number or word of the task in its tag, and of the subtask in its task. */
  readonly top: string
  readonly sub?: string
}

/** The id that an import of the file gives to a task. */
export const fileIdOf = ({ tag, top, sub }: TaskmasterPosition): string =>
  `${tag === mainTag ? '' : `${tag}:`}${top}${sub === undefined ? '' : `.${sub}`}`

/** The id within its tag. */
export const localIdOf = ({ top, sub }: TaskmasterPosition): string => (sub === undefined ? top : `${top}.${sub}`)

export interface TaskmasterLayout {
  readonly positions: ReadonlyMap<string, TaskmasterPosition>
  /** The top tasks of each tag, each with its subtasks. */
  readonly tags: ReadonlyMap<string, readonly (readonly [string, ...string[]])[]>
}

type Outlines = ReadonlyMap<string, TaskOutline>

/** Returns the top task above a task. A task that is deeper than a subtask becomes one of it. */
function topTaskOf(id: string, outlines: Outlines): string {
  let at = id
  for (let depth = 0; depth <= outlines.size; depth += 1) {
    const parent = outlines.get(at)?.parentId
    if (parent === null || parent === undefined || !outlines.has(parent)) return at
    at = parent
  }
  return at
}

/** Returns the place in an external id of the format; undefined if it has another form. */
function importedPositionOf(
  { externalId, format, tag }: TaskOutline,
  isSubtask: boolean,
): TaskmasterPosition | undefined {
  if (externalId === null || format !== 'taskmaster' || tag === undefined) return undefined
  const local = tag === mainTag ? externalId : externalId.slice(tag.length + 1)
  if (!isSubtask) return { tag, top: local }
  const dot = local.lastIndexOf('.')
  return dot < 0 ? undefined : { tag, top: local.slice(0, dot), sub: local.slice(dot + 1) }
}

/** Numbers that are not used yet, by tag or by top task. */
class FreeNumbers {
  readonly #last = new Map<string, number>()

  use(key: string, id: string): void {
    const number = Number(id)
    if (Number.isSafeInteger(number)) this.#last.set(key, Math.max(number, this.#last.get(key) ?? 0))
  }

  next(key: string): string {
    const number = (this.#last.get(key) ?? 0) + 1
    this.#last.set(key, number)
    return String(number)
  }
}

/**
 * Assigns each task of a project its tag and its number in the Task Master file. A task that was
 * imported from Task Master keeps both. Any other task is put under the tag of its epic, with the
 * next free number of the tag or of its parent.
 */
export function layOutTasks(outlines: Outlines): TaskmasterLayout {
  const places = new Map<string, TaskmasterPosition>()
  const numbers = new FreeNumbers()
  const tops = new Map([...outlines.keys()].map((id) => [id, topTaskOf(id, outlines)]))
  for (const [id, outline] of outlines) {
    const place = importedPositionOf(outline, tops.get(id) !== id)
    if (!place) continue
    places.set(id, place)
    if (place.sub === undefined) numbers.use(place.tag, place.top)
    else numbers.use(`${place.tag} ${place.top}`, place.sub)
  }
  const tags = new Map<string, [string, ...string[]][]>()
  const groups = new Map<string, [string, ...string[]]>()
  for (const [id, outline] of outlines) {
    if (tops.get(id) !== id) continue
    const tag = outline.tag ?? outline.epic ?? mainTag
    const place = places.get(id) ?? { tag, top: numbers.next(tag) }
    places.set(id, place)
    const group: [string, ...string[]] = [id]
    groups.set(id, group)
    tags.set(place.tag, [...(tags.get(place.tag) ?? []), group])
  }
  for (const [id, top] of tops) {
    const place = places.get(top)
    if (top === id || !place) continue
    groups.get(top)?.push(id)
    if (!places.has(id)) places.set(id, { ...place, sub: numbers.next(`${place.tag} ${place.top}`) })
  }
  return { positions: places, tags }
}
