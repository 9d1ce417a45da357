import { parse } from 'node:path'
import { inspectInput } from '@tony/mcp-shared/well-formed'
import { athmsRecords } from './athms.ts'
import { addSeparateEdges, beadsRecords } from './beads.ts'
import { duplicateKeys } from './duplicate-keys.ts'
import type { EffectFormat } from './effects.ts'
import { exportedRecords, exportedTasks } from './exported.ts'
import { type GithubReadParams, githubIssues, githubRecords } from './github.ts'
import { type Line, readLines, tryParseJson } from './lines.ts'
import { hasChecklist, markdownRecords } from './markdown.ts'
import { type Plan, PlanError, type PlanRecord, type Warnings } from './plan.ts'
import { Problems } from './problems.ts'
import { buildPlannedTasks } from './rows.ts'
import { taskmasterRecords, taskmasterTags } from './taskmaster.ts'

export { type Plan, PlanError, type PlannedRow } from './plan.ts'

/** The way to read a plan. */
export interface ReadOptions {
  /** All work starts as pending; tombstones and records that are not work are left out. */
  readonly replay: boolean
  /** No task is held: the plan is for agents that do all of its work. */
  readonly liftHolds?: boolean | undefined
  /** An edge to an id that the file does not hold is a problem. */
  readonly strict?: boolean | undefined
  /** Records with problems are left out. */
  readonly skipBad?: boolean | undefined
  /** The format of the file. By default its content decides. */
  readonly format?: EffectFormat | undefined
  /** The use of the labels of GitHub that have no other effect. Default: capabilities. */
  readonly labels?: 'capabilities' | 'ignored' | undefined
}

/**
 * Reads a plan file: beads issues as JSON lines or as an array, a Task Master file, GitHub issues,
 * a Markdown checklist or a Tony ATHMS document. The content decides which, not the name of the
 * file. `-` is standard input.
 *
 * The result is a whole plan whose rows all fit the contract, or an error with all problems.
 *
 * @throws PlanError if the file cannot be read, is empty, has none of the formats, has an invalid
 * record or an id twice, or if its dependencies or parents form a cycle.
 */
export async function readPlan(file: string, options: ReadOptions): Promise<Plan> {
  const { replay, liftHolds = replay, strict = false, skipBad } = options
  const warnings: Warnings = new Map()
  const problems = new Problems(file, { skipBad, warnings })
  const reading = { warnings, problems, labelsAreCapabilities: options.labels !== 'ignored' }
  const { format, records } = await readRecords({ file, forced: options.format, reading })
  if (records.length === 0) throw new PlanError(file, 'is a plan without tasks')
  const name = file === '-' ? 'standard input' : parse(file).name.slice(0, 200)
  return { format, name, liftHolds, ...buildPlannedTasks(records, { replay, liftHolds, strict, warnings, problems }) }
}

interface FileRecords {
  readonly format: Plan['format']
  readonly records: PlanRecord[]
}

interface PlanSource {
  readonly file: string
  readonly forced: EffectFormat | undefined
  readonly reading: GithubReadParams
}

async function readRecords(source: PlanSource): Promise<FileRecords> {
  const { file, forced, reading } = source
  const lines = readLines(file)
  const head = await readHead(lines)
  const [first, second] = head.filter(isNotBlank)
  if (!first) throw new PlanError(file, 'is empty')
  const isJson = startsAsJson(first)
  const isLines = isJson && !first.text.trim().startsWith('[') && startsAsJsonLines(first, second)
  const asLines = forced === undefined ? isLines && !isIssueLine(first) : forced === 'beads' && !startsAsArray(first)
  if (asLines) {
    const records = await beadsRecords(file, concatLines(head, lines), reading)
    await addSeparateEdges(file, records, reading)
    reading.problems.throwIfAny()
    return { format: 'beads', records }
  }
  const document: string[] = []
  for await (const { text } of concatLines(head, lines)) document.push(text)
  if (forced === 'markdown' || (forced === undefined && !isJson)) return readMarkdownRecords(source, document)
  return documentRecords(source, document)
}

async function readMarkdownRecords(
  { file, forced, reading }: PlanSource,
  source: readonly string[],
): Promise<FileRecords> {
  const lines = source.map((line) => line.replace(/\r$/, ''))
  if (hasChecklist(lines)) return { format: 'markdown', records: markdownRecords(lines, reading) }
  if (forced === 'markdown') throw new PlanError(file, 'has no list item with a box, such as "- [ ] Do it"')
  // Most likely a broken file of JSON lines: each line is a problem.
  return { format: 'beads', records: await beadsRecords(file, numberLines(lines), reading) }
}

async function documentRecords({ file, forced, reading }: PlanSource, lines: readonly string[]): Promise<FileRecords> {
  const document = lines.join('\n')
  const parsed = tryParseJson(document)
  if (parsed !== undefined) addDuplicateKeyProblems(document, reading)
  const value = parsed ?? issueLines(lines)
  const mayBe = (format: EffectFormat) => forced === undefined || forced === format
  if (mayBe('beads') && Array.isArray(value) && (forced === 'beads' || value.some(hasIssueType)))
    return { format: 'beads', records: await beadsRecords(file, toElementLines(value, reading), reading) }
  const exported = forced === undefined ? exportedTasks(value) : undefined
  if (exported) return { format: 'json', records: exportedRecords(exported, reading) }
  const issues = mayBe('github') && value !== undefined ? githubIssues(value) : undefined
  if (issues) return { format: 'github', records: githubRecords(issues, reading) }
  const tags = mayBe('taskmaster') && value !== undefined ? taskmasterTags(value) : undefined
  if (tags) return { format: 'taskmaster', records: taskmasterRecords(tags, reading) }
  if (!mayBe('athms')) throw new PlanError(file, `is not a file of the format ${forced}`)
  return { format: 'athms', records: athmsRecords(file, document, reading) }
}

/** Returns the issues of a file that has one on each line, as `gh api --jq '.[]'` prints them. */
function issueLines(lines: readonly string[]): unknown[] | undefined {
  const values = lines.filter((line) => line.trim() !== '').map(tryParseJson)
  return values.includes(undefined) ? undefined : values
}

const startsAsArray = ({ text }: Line): boolean => text.trim().startsWith('[')

/** True for a line that begins a JSON value. `[ ]` is not the beginning of a list of issues. */
const startsAsJson = ({ text }: Line): boolean => /^\s*(?:\{|\[\s*(?:$|[[\]{"\d]))/.test(text)

const isIssueLine = ({ text }: Line): boolean => githubIssues(tryParseJson(text)) !== undefined

async function* numberLines(lines: readonly string[]): AsyncGenerator<Line, void> {
  for (const [index, text] of lines.entries()) yield { number: index + 1, text }
}

const hasIssueType = (value: unknown): boolean => typeof value === 'object' && value !== null && 'issue_type' in value

/** Yields the elements of an array as lines. Their numbers are those of the elements. */
async function* toElementLines(values: readonly unknown[], { problems }: GithubReadParams): AsyncGenerator<Line, void> {
  for (const [index, value] of values.entries()) {
    const number = index + 1
    // JSON.stringify overflows the stack at a few thousand levels.
    const { problem } = inspectInput(value)
    if (problem === undefined) yield { number, text: JSON.stringify(value) }
    else problems.add({ problem, line: number })
  }
}

/** Two tasks with one id as the key, or two tags of one name: the first would be lost silently. */
function addDuplicateKeyProblems(document: string, { problems }: GithubReadParams): void {
  const lineOf = (position: number) => document.slice(0, position).split('\n').length
  for (const { key, first, second } of duplicateKeys(document)) {
    const [one, other] = [lineOf(first), lineOf(second)]
    const problem = `the key ${JSON.stringify(key)} occurs twice in one object: lines ${one} and ${other}`
    problems.add({ problem, line: other, outcome: 'the second one counts' })
  }
}

/**
 * Returns the lines up to the second one that is not blank. The second line decides if the first is
 * broken or incomplete JSON: in JSON lines, the second line is a whole object.
 */
async function readHead(lines: AsyncGenerator<Line, void>): Promise<Line[]> {
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

function startsAsJsonLines(first: Line, second: Line | undefined): boolean {
  const record = parseObject(first.text)
  if (record) return 'issue_type' in record || !('tasks' in record || taskmasterTags(record))
  const text = first.text.trim()
  return !text.startsWith('{') || text.endsWith('}') || (second !== undefined && parseObject(second.text) !== undefined)
}

function parseObject(text: string): object | undefined {
  const value = tryParseJson(text)
  return typeof value === 'object' && value !== null ? value : undefined
}
