import { parse } from 'node:path'
import { athmsRecords } from './athms.ts'
import { addSeparateEdges, beadsRecords, type Reading } from './beads.ts'
import { type Line, linesOf } from './lines.ts'
import { type Plan, PlanError, type PlanRecord, type Warnings } from './plan.ts'
import { Problems } from './problems.ts'
import { rowsOf } from './rows.ts'
import { taskmasterRecords, taskmasterTags } from './taskmaster.ts'

export { type Plan, PlanError, type PlannedRow } from './plan.ts'

/** The way to read a plan. */
export interface ReadOptions {
  /** All work starts as pending; tombstones and records that are not work are left out. */
  readonly replay: boolean
  /** An edge to an id that the file does not hold is a problem. */
  readonly strict?: boolean | undefined
  /** Records with problems are left out. */
  readonly skipBad?: boolean | undefined
}

/**
 * Reads a plan file: beads issues as JSON lines or as an array, a Task Master file, or a Tony ATHMS
 * document. The content decides which, not the name of the file. `-` is standard input.
 *
 * The result is a whole plan whose rows all fit the contract, or an error with all problems.
 *
 * @throws PlanError if the file cannot be read, is empty, has none of the formats, has an invalid
 * record or an id twice, or if its dependencies or parents form a cycle.
 */
export async function readPlan(file: string, options: ReadOptions): Promise<Plan> {
  const { replay, strict = false, skipBad } = options
  const warnings: Warnings = new Map()
  const problems = new Problems(file, { skipBad, warnings })
  const reading = { warnings, problems }
  const { format, records } = await recordsOf(file, reading)
  if (records.length === 0) throw new PlanError(file, 'is a plan without tasks')
  const name = file === '-' ? 'standard input' : parse(file).name.slice(0, 200)
  return { format, name, ...rowsOf(file, records, { replay, strict, warnings, problems }) }
}

interface ReadRecords {
  readonly format: Plan['format']
  readonly records: PlanRecord[]
}

async function recordsOf(file: string, reading: Reading): Promise<ReadRecords> {
  const lines = linesOf(file)
  const head = await headOf(lines)
  const [first, second] = head.filter(isNotBlank)
  if (!first) throw new PlanError(file, 'is empty')
  if (!first.text.trim().startsWith('[') && isJsonLine(first, second)) {
    const records = await beadsRecords(file, concatLines(head, lines), reading)
    await addSeparateEdges(file, records, reading.warnings)
    return { format: 'beads', records }
  }
  const document: string[] = []
  for await (const { text } of concatLines(head, lines)) document.push(text)
  return documentRecords(file, document.join('\n'), reading)
}

async function documentRecords(file: string, document: string, reading: Reading): Promise<ReadRecords> {
  const value = parseJson(document)
  if (Array.isArray(value) && value.some(hasIssueType))
    return { format: 'beads', records: await beadsRecords(file, elementsOf(value), reading) }
  const tags = value === undefined ? undefined : taskmasterTags(value)
  if (tags) return { format: 'taskmaster', records: taskmasterRecords(tags, reading) }
  return { format: 'athms', records: athmsRecords(file, document, reading.warnings) }
}

const hasIssueType = (value: unknown): boolean => typeof value === 'object' && value !== null && 'issue_type' in value

/** Yields the elements of an array as lines. Their numbers are those of the elements. */
async function* elementsOf(values: readonly unknown[]): AsyncGenerator<Line, void> {
  for (const [index, value] of values.entries()) yield { number: index + 1, text: JSON.stringify(value) }
}

/**
 * Returns the lines up to the second non-blank one. Two lines tell a document from JSON lines even
 * if the first one is broken.
 */
async function headOf(lines: AsyncGenerator<Line, void>): Promise<Line[]> {
  const head: Line[] = []
  for (let filled = 0; filled < 2; ) {
    const { value } = await lines.next()
    if (!value) break
    head.push(value)
    if (isNotBlank(value)) filled += 1
  }
  return head
}

const isNotBlank = (line: Line): boolean => line.text.trim() !== ''

async function* concatLines(head: readonly Line[], rest: AsyncGenerator<Line, void>): AsyncGenerator<Line, void> {
  try {
    yield* head
    yield* rest
  } finally {
    await rest.return()
  }
}

function isJsonLine(first: Line, second: Line | undefined): boolean {
  const record = parseObject(first.text)
  if (record) return 'issue_type' in record || !('tasks' in record || taskmasterTags(record))
  const text = first.text.trim()
  return !text.startsWith('{') || text.endsWith('}') || (second !== undefined && parseObject(second.text) !== undefined)
}

function parseObject(text: string): object | undefined {
  const value = parseJson(text)
  return typeof value === 'object' && value !== null ? value : undefined
}

/** Returns the value of a JSON text; undefined if it is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
