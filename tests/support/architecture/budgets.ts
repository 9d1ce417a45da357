import ts from 'typescript'
import { at, linesOf, nodesOf, type Rule, type Source } from './source.ts'

/** The limits of the code. STYLE.md states them too. */
export const budgets = {
  fileLines: 300,
  medianFileLines: 70,
  functionLines: 50,
  /** The length that 99 of 100 functions do not exceed. */
  functionP99: 45,
  /** Per 1,000 lines of every kind. Error classes and `as const` do not count. */
  assertions: 3,
  classes: 2.5,
  catches: 3.5,
} as const

export const isFunction = (node: ts.Node): node is ts.FunctionLikeDeclaration =>
  ts.isFunctionLike(node) && 'body' in node && node.body !== undefined

/** The number of lines of a node. */
export const heightOf = ({ tree }: Source, node: ts.Node): number =>
  tree.getLineAndCharacterOfPosition(node.end).line - tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1

/**
 * True for table declarations. The function limit does not apply to them, because they are one call
 * per column.
 */
export const declaresTables = ({ path }: Source): boolean => /^server\/src\/store\/tables(\/|\.ts$)/.test(path)

export const longFiles: Rule = (sources) =>
  sources
    .filter((source) => linesOf(source) > budgets.fileLines)
    .map((source) => `${source.path}: ${linesOf(source)} lines`)

const nameOf = (node: ts.FunctionLikeDeclaration): string =>
  node.name?.getText() ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'a function')

export const longFunctions: Rule = (sources) =>
  sources
    .filter((source) => !declaresTables(source))
    .flatMap((source) =>
      nodesOf(source, isFunction)
        .filter((node) => heightOf(source, node) > budgets.functionLines)
        .map((node) => `${at(source, node)}: ${nameOf(node)} has ${heightOf(source, node)} lines`),
    )

/** True for a type assertion, `as const` included. */
export const isAssertion = (node: ts.Node): node is ts.AsExpression | ts.TypeAssertion =>
  ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)

/** The type assertions, without `as const`. */
export const assertions = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) =>
    nodesOf(source, isAssertion)
      .filter(({ type }) => !ts.isConstTypeReference(type))
      .map((node) => `${at(source, node)}: as ${node.type.getText(source.tree)}`),
  )

/**
 * The classes that count against the budget. An error class does not, because an error has no
 * lifetime.
 */
export const classes = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) =>
    nodesOf(source, ts.isClassLike)
      .filter((node) => !node.name?.text.endsWith('Error'))
      .map((node) => `${at(source, node)}: ${node.name?.text ?? 'a class'}`),
  )

export const catches = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) => nodesOf(source, ts.isCatchClause).map((node) => at(source, node)))

/** The measured value of each budget that is not a rule of its own. */
export interface BudgetUse {
  readonly files: number
  readonly lines: number
  readonly median: number
  readonly max: number
  readonly functionP99: number
  /** Per 1,000 lines. */
  readonly assertions: number
  readonly classes: number
  readonly catches: number
}

/** Returns a quantile of sorted values; 0 if there are none. */
export const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

export const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)

/** Rounds to one decimal. */
export const tenths = (value: number): number => Math.round(value * 10) / 10

export const lineCount = (sources: readonly Source[]): number =>
  sources.reduce((sum, source) => sum + linesOf(source), 0)

export function budgetUseOf(sources: readonly Source[]): BudgetUse {
  const lines = lineCount(sources)
  const perThousand = (count: number) => tenths((count / lines) * 1_000)
  const heights = ascending(sources.map(linesOf))
  const functions = sources.flatMap((source) => nodesOf(source, isFunction).map((node) => heightOf(source, node)))
  return {
    files: sources.length,
    lines,
    median: quantile(heights, 0.5),
    max: heights.at(-1) ?? 0,
    functionP99: quantile(ascending(functions), 0.99),
    assertions: perThousand(assertions(sources).length),
    classes: perThousand(classes(sources).length),
    catches: perThousand(catches(sources).length),
  }
}
