import type { Task } from '@tony/mcp-client'
import { JsonWriter } from './json.ts'
import type { ExportedProject } from './project.ts'
import { outcomeRemarksOf, stateOf } from './state.ts'

interface ChecklistItem {
  readonly id: string
  readonly depth: number
  /** The epic of the item, if it is the first of it. */
  readonly heading: string | undefined
}

/** Returns the items of the list: tasks without an epic first, then the epics with their tasks. */
function checklistItemsOf({ outlines }: ExportedProject): ChecklistItem[] {
  const children = new Map<string, string[]>()
  const tops = new Map<string | null, string[]>([[null, []]])
  for (const { id, parentId, epic } of outlines.values()) {
    const isPart = parentId !== null && outlines.has(parentId)
    const [map, key] = isPart ? [children, parentId] : [tops, epic]
    const siblings = map.get(key)
    if (siblings) siblings.push(id)
    else map.set(key, [id])
  }
  const list: ChecklistItem[] = []
  for (const [epic, ids] of tops) {
    const open = ids.toReversed().map((id) => ({ id, depth: 0 }))
    let heading = epic ?? undefined
    for (let next = open.pop(); next; next = open.pop()) {
      const { id, depth } = next
      list.push({ id, depth, heading })
      heading = undefined
      open.push(...(children.get(id) ?? []).toReversed().map((child) => ({ id: child, depth: depth + 1 })))
    }
  }
  return list
}

/** One line without a break. */
const singleLineOf = (text: string): string => text.replaceAll(/\s+/g, ' ').trim()

/** The mark in the box: the reader of checklists knows the same ones. */
function boxMarkOf(task: Task): string {
  const { status, hold, isTaken } = stateOf(task)
  if (isTaken) return '~'
  if (status !== 'pending') return { completed: 'x', failed: '>', cancelled: '-' }[status]
  return hold === undefined ? ' ' : '>'
}

/**
 * Returns the texts below an item. A line that would begin an item, a heading or a fence does not.
 */
function itemTextsOf(task: Task, project: ExportedProject, after: readonly string[]): string[] {
  const { hold } = stateOf(task)
  const remarks = outcomeRemarksOf(task, (agent) => project.nameOf(agent)).map(({ text }) => singleLineOf(text))
  const notes = [
    ...(after.length === 0 ? [] : [`After: ${after.join(', ')}`]),
    ...(hold === undefined ? [] : [`Held: ${singleLineOf(hold)}`]),
    ...remarks,
  ]
  return [...(task.description ?? '').split('\n'), ...notes]
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => (/^(?:[-*+#>`~=]|\d+[.)]\s)/.test(text) ? `\\${text}` : text))
}

/** Yields the text of a Markdown checklist. */
export async function* markdownText(project: ExportedProject): AsyncGenerator<string, void> {
  const list = checklistItemsOf(project)
  const items = new Map(list.map((item) => [item.id, item]))
  const rows = new JsonWriter(project)
  let before = ''
  for await (const task of project.tasksById(list.map(({ id }) => id))) {
    const { depth, heading } = items.get(task.id) ?? { depth: 0, heading: undefined }
    if (heading !== undefined) yield `${before}## ${singleLineOf(heading)}\n\n`
    before = '\n'
    const pad = '  '.repeat(depth)
    const id = rows.idOf(task.id)
    const comment = /\s|-->/.test(id) ? '' : ` <!-- id: ${id} -->`
    yield `${pad}- [${boxMarkOf(task)}] ${singleLineOf(task.title ?? task.type)}${comment}\n`
    const after = [...task.dependsOn, ...task.waitsFor.map(({ taskId }) => taskId)].map((to) => rows.idOf(to))
    for (const line of itemTextsOf(task, project, after)) yield `${pad}  ${line}\n`
  }
}
