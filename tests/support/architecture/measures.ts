import ts from 'typescript'
import {
  ascending,
  catches,
  classes,
  declaresTables,
  heightOf,
  isAssertion,
  isFunction,
  quantile,
  tenths,
} from './budgets.ts'
import { anyType, emptyCatch, leftovers } from './habits.ts'
import { commentsOf, lineKindsOf, proseWidth } from './prose.ts'
import { linesOf, nodesOf, type Source } from './source.ts'

/** A distribution, in lines or columns. */
export interface Spread {
  readonly median: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

export interface Widths extends Spread {
  readonly count: number
  /** Shares in per cent. */
  readonly over100: number
  readonly over120: number
}

/** Counts per thousand are per 1,000 lines of code, without blank lines and comments. */
export interface Measures {
  readonly files: number
  readonly codeLines: number
  readonly fileLines: Spread
  readonly functionLines: Spread
  readonly functions: number
  /** Functions of more than 60 lines, without the declarations of tables. */
  readonly longFunctions: number
  readonly longTables: number
  readonly any: number
  readonly tsComments: number
  readonly nonNull: number
  readonly leftovers: number
  readonly assertionsPerThousand: number
  readonly assertionsWithoutConst: number
  readonly catchesPerThousand: number
  readonly emptyCatches: number
  readonly classesPerThousand: number
  readonly classesWithoutErrors: number
  /** Comment lines for each 100 lines of code. */
  readonly commentShare: number
  readonly commentWidths: Widths
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = ascending(values)
  return {
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1) ?? 0,
  }
}

export function widthsOf(widths: readonly number[]): Widths {
  const shareOver = (limit: number) =>
    tenths((widths.filter((width) => width > limit).length / Math.max(1, widths.length)) * 100)
  return { ...spreadOf(widths), count: widths.length, over100: shareOver(proseWidth), over120: shareOver(120) }
}

/** Functions with a name and a block body: an expression has no length to limit. */
const isNamedBlock = (node: ts.Node): node is ts.FunctionLikeDeclaration =>
  isFunction(node) &&
  node.body !== undefined &&
  ts.isBlock(node.body) &&
  (node.name !== undefined || ts.isVariableDeclaration(node.parent))

const functionLinesOf = (source: Source): number[] =>
  nodesOf(source, isNamedBlock).map((node) => heightOf(source, node))

const isLong = (lines: number): boolean => lines > 60

const tsCommentsIn = (source: Source): number =>
  commentsOf(source).filter(({ text }) => /@ts-(?:ignore|expect-error|nocheck)\b/.test(text)).length

const countOf = <N extends ts.Node>(sources: readonly Source[], is: (node: ts.Node) => node is N): number =>
  sources.reduce((sum, source) => sum + nodesOf(source, is).length, 0)

export function measure(sources: readonly Source[]): Measures {
  const kinds = sources.map(lineKindsOf)
  const codeLines = kinds.reduce((sum, { code }) => sum + code, 0)
  const widths = kinds.flatMap(({ comments }) => comments.map(({ width }) => width))
  const perThousand = (count: number) => tenths((count / Math.max(1, codeLines)) * 1_000)
  const functions = sources.filter((source) => !declaresTables(source)).flatMap(functionLinesOf)
  const assertions = sources.flatMap((source) => nodesOf(source, isAssertion))
  return {
    files: sources.length,
    codeLines,
    fileLines: spreadOf(sources.map(linesOf)),
    functionLines: spreadOf(functions),
    functions: functions.length,
    longFunctions: functions.filter(isLong).length,
    longTables: sources.filter(declaresTables).flatMap(functionLinesOf).filter(isLong).length,
    any: anyType(sources).length,
    tsComments: sources.reduce((sum, source) => sum + tsCommentsIn(source), 0),
    nonNull: countOf(sources, ts.isNonNullExpression),
    leftovers: leftovers(sources).length,
    assertionsPerThousand: perThousand(assertions.length),
    assertionsWithoutConst: perThousand(assertions.filter(({ type }) => !ts.isConstTypeReference(type)).length),
    catchesPerThousand: perThousand(catches(sources).length),
    emptyCatches: emptyCatch(sources).length,
    classesPerThousand: perThousand(countOf(sources, ts.isClassLike)),
    classesWithoutErrors: perThousand(classes(sources).length),
    commentShare: tenths((widths.length / Math.max(1, codeLines)) * 100),
    commentWidths: widthsOf(widths),
  }
}
