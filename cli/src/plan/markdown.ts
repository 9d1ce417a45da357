import { hash } from 'node:crypto'
import type { Diagnostics } from './beads.ts'
import { stateEffectOf, trackerEffects } from './effects.ts'
import { addWarning, type PlanRecord } from './plan.ts'

/** A list item with a box: its indentation, the mark in the box and its text. */
const boxedItemPattern = /^(\s*)(?:[-*+]|\d{1,9}[.)])\s+\[(.)\]\s+(\S.*)$/u
const listItemPattern = /^(\s*)(?:[-*+]|\d{1,9}[.)])\s/
const headingPattern = /^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$/
const underlinePattern = /^ {0,3}(?:=+|-{3,})\s*$/
const codeBlockPattern = /^\s*(`{3,}|~{3,})/
/** An id that stays when the text changes: `<!-- id: login -->`, or `^login` at the end. */
const ownIdPattern = /\s*(?:<!--\s*id:\s*(\S+)\s*-->|\^([\w.-]+))\s*$/

/** True for a document with at least one item that has a box. */
export const hasChecklist = (lines: readonly string[]): boolean => {
  const open = new CodeBlocks()
  return lines.some((line) => !open.isCode(line) && boxedItemPattern.test(line))
}

/** The fenced blocks of code in a document. */
class CodeBlocks {
  #open: string | undefined

  /** True for a line of a fenced block, with its first and its last line. */
  isCode(line: string): boolean {
    const mark = codeBlockPattern.exec(line)?.[1]
    if (this.#open === undefined) {
      this.#open = mark
      return mark !== undefined
    }
    if (mark?.startsWith(this.#open) && line.trim() === mark) this.#open = undefined
    return true
  }
}

interface ChecklistItem {
  readonly line: number
  readonly indent: number
  readonly box: string
  readonly title: string
  readonly id: string
  readonly parent: ChecklistItem | undefined
  readonly section: string | undefined
  readonly text: string[]
}

/** The number of columns of an indentation. A tab ends at the next multiple of four. */
function columnsOf(indent: string): number {
  let columns = 0
  for (const character of indent) columns += character === '\t' ? 4 - (columns % 4) : 1
  return columns
}

const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 60) || 'item'

const idLimit = 180

/** Shortens an id, and keeps different ids different. */
const shortenId = (path: string): string =>
  path.length <= idLimit ? path : `${path.slice(0, idLimit - 17)}-${hash('sha256', path, 'hex').slice(0, 16)}`

/** Reads the items of a document line by line. */
class Checklist {
  readonly items: ChecklistItem[] = []
  readonly #ids = new Map<string, number>()
  readonly #codeBlocks = new CodeBlocks()
  #section: string | undefined
  #open: ChecklistItem | undefined
  #before = ''

  read(line: string, number: number): void {
    if (this.#codeBlocks.isCode(line)) return this.#addText(line)
    const title = headingPattern.exec(line)?.[1]
    const [, indent = '', box, text] = boxedItemPattern.exec(line) ?? []
    if (title !== undefined) this.#startSection(title)
    else if (underlinePattern.test(line) && this.#before !== '' && !this.#open) this.#startSection(this.#before)
    else if (box !== undefined && text !== undefined) this.#addItem({ indent: columnsOf(indent), box, text, number })
    else this.#addText(line)
    this.#before = line.trim()
  }

  #startSection(title: string): void {
    this.#section = title
    this.#open = undefined
  }

  #addItem({ indent, box, text, number }: { indent: number; box: string; text: string; number: number }): void {
    let parent = this.#open
    while (parent && parent.indent >= indent) parent = parent.parent
    const [mark, first, second] = ownIdPattern.exec(text) ?? []
    const title = mark === undefined ? text.trim() : text.slice(0, -mark.length).trim()
    const path = parent?.id ?? (this.#section === undefined ? undefined : slugOf(this.#section))
    const named = first ?? second
    const id = named ?? this.#uniqueId(path === undefined ? slugOf(title) : `${path}/${slugOf(title)}`)
    const item = { line: number, indent, box, title, id, parent, section: this.#section, text: [] }
    this.items.push(item)
    this.#open = item
  }

  #uniqueId(path: string): string {
    const id = shortenId(path)
    const times = (this.#ids.get(id) ?? 0) + 1
    this.#ids.set(id, times)
    return times === 1 ? id : `${id}-${times}`
  }

  /** Adds a line to the item that it is indented under, or ends the list. */
  #addText(line: string): void {
    if (line.trim() === '') {
      this.#open?.text.push('')
      return
    }
    const columns = columnsOf(/^\s*/.exec(line)?.[0] ?? '')
    // A paragraph goes on without an indentation.
    const goesOn = this.#before !== '' && !listItemPattern.test(line)
    while (this.#open && columns <= this.#open.indent && !goesOn) this.#open = this.#open.parent
    this.#open?.text.push(line)
  }
}

/** Returns the text under an item without its indentation. */
function descriptionOf({ text }: ChecklistItem): string | undefined {
  const widths = text.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length)
  const width = Math.min(...widths)
  const lines = text.map((line) => line.slice(Math.min(width, line.length)).trimEnd())
  return lines.join('\n').trim() || undefined
}

/**
 * Reads a Markdown checklist. Each list item with a box is a task. Items below it are its children,
 * the heading above it is its epic, and the text under it its description.
 */
export function markdownRecords(lines: readonly string[], { warnings }: Diagnostics): PlanRecord[] {
  const list = new Checklist()
  const start = frontMatterEnd(lines)
  for (const [index, line] of lines.entries()) if (index >= start) list.read(line, index + 1)
  return list.items.map((item) => toPlanRecord(item, warnings))
}

/** Returns the number of lines of the metadata between two lines `---` at the start. */
function frontMatterEnd(lines: readonly string[]): number {
  if (lines[0]?.trim() !== '---') return 0
  return lines.findIndex((line, index) => index > 0 && line.trim() === '---') + 1
}

const struckPattern = /^~~(.*)~~$/

function toPlanRecord(item: ChecklistItem, warnings: Diagnostics['warnings']): PlanRecord {
  const { id, line, box, parent, section } = item
  const title = struckPattern.exec(item.title)?.[1] ?? item.title
  const word = title === item.title || box.toLowerCase() === 'x' ? `[${box}]` : 'struck'
  const { status, hold, known } = stateEffectOf('markdown', word)
  if (!known) addWarning(warnings, `unknown box ${word}: held until tasks.unhold`, { id, line })
  const edge = { issue_id: id, depends_on_id: parent?.id ?? '', type: 'parent-child' }
  return {
    ...{ id, line, status, kind: 'task', priority: 'normal' as const },
    ...(hold === undefined ? {} : { hold }),
    ...(status === 'cancelled' ? { releases: true } : {}),
    ...(section === undefined ? {} : { epic: section.slice(0, 200) }),
    title,
    description: descriptionOf(item),
    metadata: {},
    edges:
      parent && trackerEffects.markdown.edges['nesting'] === 'parent'
        ? [{ kind: 'parent', from: id, to: parent.id, source: edge }]
        : [],
  }
}
