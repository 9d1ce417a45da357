import { hash } from 'node:crypto'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { type PlannedTask, planNamesCharacterLimit, plannedTask, planTaskLimit } from '@tony/mcp-shared/plans'
import { and, eq, gt, isNull, lte, sql } from 'drizzle-orm'
import { uuidv7 } from '../../platform/uuid.ts'
import { yieldToOthers } from '../../platform/yielding.ts'
import { placeholder, type StatementParts, type Store, statement, type Transaction } from '../../store/store.ts'
import { ownDependencies } from '../tasks/dependency-graph.ts'

/** Staged tasks that are read and parsed between two yields to the event loop: about 4 ms. */
const pageLimit = 100

/**
 * The expression `planId || ''` keeps SQLite from the index of the plan's id, so that it reads the
 * rows in the order of `ord`. With that index it would find and sort all rows of the plan for each
 * page, which takes 50 times as long in a plan of 20,000 tasks.
 */
const findStagedPage = statement(
  ({ db, t, p }: StatementParts<{ planId: string; after: number; last: number; limit: number }>) =>
    db
      .select({ ord: t.planRows.ord, spec: t.planRows.spec, taskId: t.planRows.taskId })
      .from(t.planRows)
      .where(
        and(gt(t.planRows.ord, p.after), lte(t.planRows.ord, p.last), sql`${t.planRows.planId} || '' = ${p.planId}`),
      )
      .orderBy(t.planRows.ord)
      .limit(placeholder('limit'))
      .prepare(),
)

/** A page outside these bounds would read the rows of other plans, of any number, in one turn. */
const findStagedBounds = statement(({ db, t, p }: StatementParts<{ planId: string }>) =>
  db
    .select({
      first: sql<number | null>`min(${t.planRows.ord})`,
      last: sql<number | null>`max(${t.planRows.ord})`,
    })
    .from(t.planRows)
    .where(eq(t.planRows.planId, p.planId))
    .prepare(),
)

const assignTaskId = statement(({ db, t, p }: StatementParts<{ ord: number; taskId: string }>) =>
  db
    .update(t.planRows)
    .set({ taskId: p.taskId })
    .where(and(eq(t.planRows.ord, p.ord), isNull(t.planRows.taskId)))
    .returning({ ord: t.planRows.ord })
    .prepare(),
)

/**
 * What a publication must know of all staged tasks at once. A step reads the rest again, because a
 * plan may be larger than the memory.
 */
export interface StagedTask {
  readonly ord: number
  readonly key: string
  /** Its own dependencies. */
  readonly own: readonly { readonly key: string; readonly kind: number }[]
  /** The names of its own dependencies. */
  readonly after: readonly string[]
  readonly parent: string | undefined
  readonly assignedTo: string | undefined
  readonly locks: readonly string[]
  /** True for a task that had ended at its source. */
  readonly hasEnded: boolean
  readonly hash: string
  /** The id of its task, if the project has none with this external id. */
  readonly taskId: string
}

export const specHashOf = (spec: string): string => hash('sha256', spec, 'base64url')

/** Returns the external ids that a task refers to. */
export const referencesOf = ({ parent, after }: Pick<StagedTask, 'parent' | 'after'>): readonly string[] =>
  parent === undefined ? after : [parent, ...after]

/** The keys that the schema sets in every task. */
const plannedTaskKeys = Object.keys(plannedTask.parse({ externalId: 'any', type: 'any' }))

/**
 * Returns the task of a staged row, which is an output of the schema. The schema reads it again
 * only if an older version has staged it, with fewer keys.
 */
export function parsePlanned(spec: string): PlannedTask {
  const staged: PlannedTask = JSON.parse(spec)
  return plannedTaskKeys.every((key) => Object.hasOwn(staged, key)) ? staged : plannedTask.parse(staged)
}

function toStaged(ord: number, spec: string, taskId: string): StagedTask {
  const planned = parsePlanned(spec)
  const { externalId, parentId, assignedTo, locks, status } = planned
  const own = ownDependencies(externalId, planned).map(({ dependsOnId: key, kind }) => ({ key, kind }))
  return {
    ord,
    key: externalId,
    own,
    after: own.map(({ key }) => key),
    parent: parentId,
    assignedTo,
    locks,
    hasEnded: status !== 'pending',
    hash: specHashOf(spec),
    taskId,
  }
}

const namesOfTask = ({ key, after, parent, assignedTo, locks }: StagedTask): readonly (string | undefined)[] => [
  key,
  parent,
  assignedTo,
  ...after,
  ...locks,
]

/** Throws PAYLOAD_TOO_LARGE for a plan whose names do not fit into the memory of a publication. */
export function requirePlanFits(tasks: number, characters: number): void {
  if (tasks > planTaskLimit || characters > planNamesCharacterLimit)
    throw new CoordinationError(
      'PAYLOAD_TOO_LARGE',
      `a plan has at most ${planTaskLimit} tasks, with ${planNamesCharacterLimit} characters in their ids, dependencies, locks and assignees: make several plans`,
      { tasks: planTaskLimit, characters: planNamesCharacterLimit },
    )
}

type TransactFunction = <T>(work: (tx: Transaction) => Promise<T>) => Promise<T>

/**
 * Reads all staged tasks of a plan in the order in which they were added. Rows that an older
 * version staged get their ids first.
 */
export async function readStaged(store: Store, transact: TransactFunction, planId: string): Promise<StagedTask[]> {
  const staged: StagedTask[] = []
  let characters = 0
  const [bounds] = await store.read((reader) => reader.run(findStagedBounds, { planId }))
  const { first, last } = bounds ?? {}
  if (typeof first !== 'number' || typeof last !== 'number') return staged
  for (let after = first - 1; ; ) {
    const page = await store.read((reader) => reader.run(findStagedPage, { planId, after, last, limit: pageLimit }))
    const withoutId = page.filter(({ taskId }) => taskId === null)
    if (withoutId.length > 0) {
      await transact(async (tx) => {
        for (const { ord } of withoutId) await tx.run(assignTaskId, { ord, taskId: uuidv7() })
      })
      continue
    }
    for (const { ord, spec, taskId } of page) {
      const task = toStaged(ord, spec, taskId ?? '')
      for (const name of namesOfTask(task)) characters += name?.length ?? 0
      staged.push(task)
    }
    requirePlanFits(staged.length, characters)
    const end = page.at(-1)
    if (end === undefined || page.length < pageLimit) return staged
    after = end.ord
    await yieldToOthers()
  }
}
