import { parse } from 'node:path'
import { athmsRecords } from './athms.ts'
import { beadsRecords } from './beads.ts'
import { type Line, linesOf } from './lines.ts'
import { type Plan, PlanError, type PlanRecord, type Warnings } from './plan.ts'
import { rowsOf } from './rows.ts'

export { type Plan, PlanError, type PlannedRow } from './plan.ts'

/**
 * Reads a plan file: beads issues as JSON lines, or a Tony ATHMS document. The content decides
 * which, not the name of the file. With `replay` all work starts as pending, and tombstones and
 * records that are not work are left out.
 *
 * The result is a whole plan whose rows all fit the contract, or an error.
 *
 * @throws PlanError if the file cannot be read, is empty, has neither format, has an invalid record
 * or an id twice, or if its dependencies or parents form a cycle.
 */
export async function readPlan(file: string, options: { replay: boolean }): Promise<Plan> {
  const warnings: Warnings = new Map()
  const { format, records } = await recordsOf(file, warnings)
  if (records.length === 0) throw new PlanError(file, 'is a plan without tasks')
  const name = parse(file).name.slice(0, 200)
  return { format, name, ...rowsOf(file, records, { replay: options.replay, warnings }) }
}

async function recordsOf(file: string, warnings: Warnings): Promise<{ format: Plan['format']; records: PlanRecord[] }> {
  const lines = linesOf(file)
  const head = await headOf(lines)
  const [first, second] = head.filter(isNotBlank)
  if (!first) throw new PlanError(file, 'is empty')
  if (isJsonLine(first, second)) {
    return { format: 'beads', records: await beadsRecords(file, concatLines(head, lines), warnings) }
  }
  const document: string[] = []
  for await (const { text } of concatLines(head, lines)) document.push(text)
  return { format: 'athms', records: athmsRecords(file, document.join('\n'), warnings) }
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
  if (record) return 'issue_type' in record || !('tasks' in record)
  const text = first.text.trim()
  return !text.startsWith('{') || text.endsWith('}') || (second !== undefined && parseObject(second.text) !== undefined)
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
