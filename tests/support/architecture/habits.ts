import ts from 'typescript'
import { at, nodesOf, type Rule, type Source } from './source.ts'

const each =
  (check: (source: Source) => string[]): Rule =>
  (sources) =>
    sources.flatMap(check)

/** The entries of the client's package. */
const mayReExport = new Set(['client/src/index.ts', 'client/src/plugin/index.ts', 'client/src/tony/index.ts'])

/** Finds files that only export definitions of other files. */
export const barrels: Rule = each(({ path, tree }) => {
  const { statements } = tree
  const passesOn = statements.filter((node) => ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined)
  return statements.length > 0 && passesOn.length === statements.length && !mayReExport.has(path)
    ? [`${path}: only re-exports`]
    : []
})

export const exportAll: Rule = each((source) =>
  nodesOf(source, ts.isExportDeclaration)
    .filter((node) => node.moduleSpecifier && !node.exportClause)
    .map((node) => `${at(source, node)}: export *`),
)

const isAny = (node: ts.Node): node is ts.KeywordTypeNode => node.kind === ts.SyntaxKind.AnyKeyword

export const anyType: Rule = each((source) => nodesOf(source, isAny).map((node) => `${at(source, node)}: any`))

export const emptyCatch: Rule = each((source) =>
  nodesOf(source, ts.isCatchClause)
    .filter(({ block }) => block.statements.length === 0)
    .map((node) => `${at(source, node)}: an empty catch`),
)

const isDefault = (node: ts.Node): node is ts.Node =>
  ts.isExportAssignment(node) ||
  (ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword))

export const defaultExports: Rule = each((source) =>
  source.path.endsWith('.config.ts')
    ? []
    : nodesOf(source, isDefault).map((node) => `${at(source, node)}: a default export`),
)

const isText = (node: ts.Node): node is ts.LiteralLikeNode =>
  ts.isStringLiteral(node) || ts.isTemplateLiteralToken(node) || ts.isRegularExpressionLiteral(node)

/** The text without its literals, because a string may contain a word that a comment may not. */
function withoutLiterals(source: Source): string {
  let { text } = source
  for (const node of nodesOf(source, isText)) {
    const start = node.getStart(source.tree)
    text = text.slice(0, start) + text.slice(start, node.end).replaceAll(/[^\n]/g, ' ') + text.slice(node.end)
  }
  return text
}

export const leftovers: Rule = each((source) =>
  withoutLiterals(source)
    .split('\n')
    .flatMap((line, index) => {
      const found = /\b(TODO|FIXME|HACK|XXX)\b/.exec(line)
      return found ? [`${source.path}:${index + 1}: ${found[0]}`] : []
    }),
)

const forbidden = new Set([
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'misc',
  'service',
  'services',
  'manager',
  'managers',
  'lib',
  'core',
  'types',
])

/** Finds file names that do not name the contents. */
export const names: Rule = each(({ path }) =>
  path
    .split('/')
    .flatMap((part) => part.replace(/(\.test)?\.ts$/, '').split(/[.-]/))
    .filter((word) => forbidden.has(word.toLowerCase()))
    .map((word) => `${path}: "${word}" says nothing of what is inside`),
)

const mocks = /^vi\.(mock|doMock|spyOn|fn|stubGlobal|useFakeTimers)$/
const isCall = (node: ts.Node): node is ts.CallExpression => ts.isCallExpression(node)

export const mockFree: Rule = each((source) =>
  nodesOf(source, isCall)
    .filter((node) => mocks.test(node.expression.getText(source.tree)))
    .map((node) => `${at(source, node)}: ${node.expression.getText(source.tree)}`),
)

const isWait = (node: ts.Node): node is ts.Identifier | ts.StringLiteral =>
  (ts.isIdentifier(node) && node.text === 'setTimeout' && ts.isCallExpression(node.parent)) ||
  (ts.isStringLiteral(node) && /^(node:)?timers\/promises$/.test(node.text))

/** Finds waits for time to pass. A test waits for the event itself. */
export const sleeps: Rule = each((source) => nodesOf(source, isWait).map((node) => `${at(source, node)}: a sleep`))
