import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type Plan, PlanError, type PlannedRow, type ReadOptions, readPlan } from '../cli/src/plan/read.ts'

/** Creates an empty folder that is deleted after the test. */
export async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tony-plan-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** Writes a plan file into a folder of its own and returns its path. */
export async function planFile(content: string | Uint8Array, name = 'plan.jsonl'): Promise<string> {
  const file = join(await ownFolder(), name)
  await writeFile(file, content)
  return file
}

/** Returns a beads issue with the given fields; the others are those of an ordinary open task. */
export function issue(id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { id, title: `Do ${id}`, status: 'open', priority: 2, issue_type: 'task', ...fields }
}

/** Returns a `dependencies` field: the dependencies of the issue, and its parents. */
export function edges(id: string, to: { waitsFor?: string[]; partOf?: string[] }): { dependencies: object[] } {
  const edge = (type: string) => (other: string) => ({ issue_id: id, depends_on_id: other, type })
  return { dependencies: [...(to.waitsFor ?? []).map(edge('blocks')), ...(to.partOf ?? []).map(edge('parent-child'))] }
}

export const jsonLines = (records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('')

export async function readIssues(records: readonly unknown[], options: ReadOptions = { replay: false }): Promise<Plan> {
  return readPlan(await planFile(jsonLines(records)), options)
}

/** Returns the error of a read of `content`. Its message has no folder. */
export async function refusal(content: string | Uint8Array, options: ReadOptions = { replay: false }) {
  const file = await planFile(content, 'plan')
  const error: unknown = await readPlan(file, options).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof PlanError)) throw new Error('the plan was not refused', { cause: error })
  expect(error.message.startsWith(file)).toBe(true)
  return { message: error.message.replace(file, 'plan'), line: error.line, cause: error.cause }
}

export function rowOf(plan: Plan, externalId: string): PlannedRow {
  const row = plan.tasks.find((task) => task.externalId === externalId)
  if (!row) throw new Error(`no row ${externalId}`)
  return row
}

export const idsOf = (plan: Plan): string[] => plan.tasks.map((task) => task.externalId)
