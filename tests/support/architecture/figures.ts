import ts from 'typescript'
import { at, linesOf, nodesOf, type Rule, type Source } from './source.ts'

export const fileLimit = 300
export const functionLimit = 50

const isFunction = (node: ts.Node): node is ts.FunctionLikeDeclaration =>
  ts.isFunctionLike(node) && 'body' in node && node.body !== undefined

const heightOf = ({ tree }: Source, node: ts.Node): number =>
  tree.getLineAndCharacterOfPosition(node.end).line - tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1

export const longFiles: Rule = (sources) =>
  sources.filter((source) => linesOf(source) > fileLimit).map((source) => `${source.path}: ${linesOf(source)} lines`)

/** Tables are declarations, which happen to be made by functions of the columns. */
const declarations = /^server\/src\/store\/tables(\/|\.ts$)/

const nameOf = (node: ts.FunctionLikeDeclaration): string =>
  node.name?.getText() ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : 'a function')

export const longFunctions: Rule = (sources) =>
  sources.flatMap((source) =>
    nodesOf(source, isFunction)
      .filter((node) => heightOf(source, node) > functionLimit && !declarations.test(source.path))
      .map((node) => `${at(source, node)}: ${nameOf(node)} has ${heightOf(source, node)} lines`),
  )

const isAssertion = (node: ts.Node): node is ts.AsExpression | ts.TypeAssertion =>
  (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) && !ts.isConstTypeReference(node.type)

export const assertions = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) =>
    nodesOf(source, isAssertion).map((node) => `${at(source, node)}: as ${node.type.getText(source.tree)}`),
  )

/** What the budget for classes counts. An error is a class because it is thrown, and has no lifetime. */
export const classes = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) =>
    nodesOf(source, ts.isClassLike)
      .filter((node) => !node.name?.text.endsWith('Error'))
      .map((node) => `${at(source, node)}: ${node.name?.text ?? 'a class'}`),
  )

export const catches = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) => nodesOf(source, ts.isCatchClause).map((node) => at(source, node)))

export interface Figures {
  readonly files: number
  readonly lines: number
  readonly median: number
  readonly max: number
  readonly functions: number
  readonly functionP99: number
  readonly functionMax: number
  /** For each 1 000 lines. */
  readonly assertions: number
  readonly classes: number
  readonly catches: number
}

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0

export const lineCount = (sources: readonly Source[]): number =>
  sources.reduce((sum, source) => sum + linesOf(source), 0)

export function figuresOf(sources: readonly Source[]): Figures {
  const lines = lineCount(sources)
  const perThousand = (count: number) => Math.round((count / lines) * 10_000) / 10
  const heights = sources.map(linesOf)
  const functions = sources.flatMap((source) => nodesOf(source, isFunction).map((node) => heightOf(source, node)))
  return {
    files: sources.length,
    lines,
    median: quantile(heights, 0.5),
    max: Math.max(0, ...heights),
    functions: functions.length,
    functionP99: quantile(functions, 0.99),
    functionMax: Math.max(0, ...functions),
    assertions: perThousand(assertions(sources).length),
    classes: perThousand(classes(sources).length),
    catches: perThousand(catches(sources).length),
  }
}
