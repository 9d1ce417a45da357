import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'

/**
 * The kinds of an edge of the dependency graph, as the column `kind` stores them. The first three
 * are the task's own. The others are derived from its parent and its children. A derived edge is
 * left out if it would close a cycle.
 */
export const dependencyKinds = {
  /** The other task must be completed. */
  blocks: 0,
  /** Every child of the other task must have ended. The edges to these children are counted. */
  children: 1,
  /** The other task must have failed. */
  failure: 2,
  /** From a parent to its child, which must have ended. */
  child: 3,
  /** To a child of the task of a `children` edge; it must have ended. */
  childOf: 4,
  /** A `blocks` edge of an ancestor. */
  inherited: 5,
  /** A `failure` edge of an ancestor. */
  inheritedFailure: 6,
  /** A `children` edge of an ancestor. */
  inheritedChildren: 7,
} as const

const { blocks, children, failure, child, childOf, inherited, inheritedFailure, inheritedChildren } = dependencyKinds

/** An edge of the dependency graph. */
export interface Dependency {
  readonly taskId: string
  readonly dependsOnId: string
  readonly kind: number
}

/** A task that ended without completion. */
export interface UnmetDependency {
  readonly id: string
  readonly status: string
}

/** The final statuses of a task. */
export type FinalStatus = 'completed' | 'failed' | 'cancelled'

/** The kinds of edges to a task that its end satisfies. */
export const satisfiedKinds: Readonly<Record<FinalStatus, readonly number[]>> = {
  completed: [blocks, child, childOf, inherited],
  failed: [failure, child, childOf, inheritedFailure],
  cancelled: [child, childOf],
}

/** The kinds of edges to a task that fail their task, if it wants so, when the other one fails. */
export const cascadingKinds: readonly number[] = [blocks, inherited]

/** The kinds of edges that stand for edges to the children of the other task. */
export const childrenKinds: readonly number[] = [children, inheritedChildren]

/** The kinds of edges that can keep their task blocked. Only they can form a cycle of waits. */
export const waitKinds: readonly number[] = [blocks, failure, child, childOf, inherited, inheritedFailure]

/**
 * True if two edges between the same tasks exclude each other: a task has at most one edge of
 * `waitKinds` and one of `childrenKinds` to another task.
 */
export const areRivalKinds = (kind: number, other: number): boolean =>
  childrenKinds.includes(kind) === childrenKinds.includes(other)

/**
 * True if a derived edge replaces its rival. Every end of a task meets the edges to a child, and
 * one end alone meets the inherited ones. Own edges win over derived ones.
 */
export const isStricterKind = (kind: number, rival: number): boolean =>
  (rival === child || rival === childOf) && (kind === inherited || kind === inheritedFailure)

export const isFinalStatus = (status: string): status is FinalStatus => Object.hasOwn(satisfiedKinds, status)

/** True if an edge keeps its task blocked while the other task has this status. */
export const isOpenEdge = (kind: number, status: string): boolean =>
  !childrenKinds.includes(kind) && !(isFinalStatus(status) && satisfiedKinds[status].includes(kind))

/** True if an edge is the task's own, and not derived. */
export const isOwnKindSql = (kind: SQLWrapper): SQL => sql`${kind} < ${sql.raw(String(child))}`

export const isOwnKind = (kind: number): boolean => kind < child

/** Compares a kind with literals in the text of the statement, as `inLiterals` does with words. */
export const inKinds = (column: SQLWrapper, kinds: readonly number[]): SQL =>
  sql`${column} in (${sql.raw(kinds.join(', '))})`

/** The kind of the edge that a child inherits; undefined for the edges to its siblings. */
export function inheritedKind(kind: number): number | undefined {
  if (kind === blocks || kind === inherited) return inherited
  if (kind === failure || kind === inheritedFailure) return inheritedFailure
  if (kind === children || kind === inheritedChildren) return inheritedChildren
  return kind === childOf ? childOf : undefined
}
