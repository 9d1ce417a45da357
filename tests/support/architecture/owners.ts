import ts from 'typescript'
import { nouns } from './directions.ts'
import { importsOf } from './imports.ts'
import { at, nodesOf, type Rule, type Source } from './source.ts'

interface Owned {
  readonly what: RegExp
  readonly by: RegExp
}

/** Packages that one place imports and everyone else is given what it makes of them. */
const packages: readonly Owned[] = [
  { what: /^pino(\/|$)/, by: /^server\/src\/log\.ts$/ },
  { what: /^prom-client(\/|$)/, by: /^server\/src\/metrics\.ts$/ },
  { what: /^jose(\/|$)/, by: /^server\/src\/auth\// },
  {
    what: /^(better-sqlite3|pg|postgres|drizzle-orm\/(better-sqlite3|node-postgres|pglite|postgres-js|.*migrator))(\/|$)/,
    by: /^server\/src\/store\//,
  },
  {
    what: /^@modelcontextprotocol\//,
    by: /^(tools\/src\/(serve|resources)|bridge\/src\/(bridge|stdio)|server\/src\/surfaces\/mcp)\.ts$/,
  },
  { what: /^@trpc\/server(\/|$)/, by: /^server\/src\/(api|surfaces)\// },
]

export const packageOwners: Rule = (sources) =>
  sources.flatMap(importsOf).flatMap(({ from, to, where }) => {
    const owned = packages.find(({ what }) => what.test(to))
    return owned && !owned.by.test(from) ? [`${where}: imports ${to}`] : []
  })

/** Expressions that reach outside the process, and who may. */
const expressions: readonly Owned[] = [
  {
    what: /^process\.env$/,
    by: /^(server\/src\/(config|main)|bridge\/src\/environment|cli\/src\/(connection|hosts\/here|run\/environment)|client\/src\/tony\/environment)\.ts$/,
  },
  {
    what: /^(Date\.now|Math\.random|performance\.now|setTimeout|setInterval)$/,
    by: /^((server|bridge|cli)\/src\/clock\.ts|server\/src\/store\/checkpoint\.ts|client\/src\/.+)$/,
  },
]

const isNewDate = (node: ts.Node): node is ts.NewExpression =>
  ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0

const isReach = (node: ts.Node): node is ts.PropertyAccessExpression | ts.Identifier =>
  ts.isPropertyAccessExpression(node) || (ts.isIdentifier(node) && !ts.isPropertyAccessExpression(node.parent))

const reaches = (source: Source): string[] =>
  nodesOf(source, isReach).flatMap((node) => {
    const text = node.getText(source.tree)
    const owned = expressions.find(({ what }) => what.test(text))
    return owned && !owned.by.test(source.path) ? [`${at(source, node)}: ${text}`] : []
  })

export const expressionOwners: Rule = (sources) =>
  sources.flatMap((source) => {
    const dates = source.path.startsWith('client/') ? [] : nodesOf(source, isNewDate)
    return [...reaches(source), ...dates.map((node) => `${at(source, node)}: new Date()`)]
  })

const operations = new RegExp(`^server/src/(${nouns.join('|')}|events|leases|intake|sweeps)/`)

/** What operations are made of knows neither the wire nor the log. */
export const pureOperations: Rule = (sources) =>
  sources
    .flatMap(importsOf)
    .filter(({ from, to }) => operations.test(from) && /^(@trpc\/|pino|prom-client|ws$|node:http)/.test(to))
    .map(({ where, to }) => `${where}: an operation imports ${to}`)
