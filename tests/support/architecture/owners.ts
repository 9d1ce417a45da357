import ts from 'typescript'
import { importsOf } from './imports.ts'
import { at, nodesOf, type Rule, type Source } from './source.ts'

interface Owned {
  readonly what: RegExp
  readonly by: RegExp
}

/** Packages that only one place imports. All other code uses the exports of that place. */
const packages: readonly Owned[] = [
  { what: /^pino(\/|$)/, by: /^server\/src\/platform\/log\.ts$/ },
  { what: /^prom-client(\/|$)/, by: /^server\/src\/platform\/(commit-)?metrics\.ts$/ },
  { what: /^jose(\/|$)/, by: /^server\/src\/domain\/identity\// },
  {
    what: /^(better-sqlite3|pg|postgres|drizzle-orm\/(better-sqlite3|node-postgres|pglite|postgres-js|.*migrator))(\/|$)/,
    by: /^server\/src\/store\//,
  },
  {
    what: /^@modelcontextprotocol\//,
    by: /^(tools\/src\/(mcp-server|resources|tasks-extension\/handlers)|bridge\/src\/(bridge|stdio)|server\/src\/transports\/mcp\/(endpoint|events\/(errors|handlers)))\.ts$/,
  },
  { what: /^@trpc\/server(\/|$)/, by: /^server\/src\/(api|transports|guards\/errors)(\/|\.ts$)/ },
]

export const packageOwners: Rule = (sources) =>
  sources.flatMap(importsOf).flatMap(({ from, to, where }) => {
    const owned = packages.find(({ what }) => what.test(to))
    return owned && !owned.by.test(from) ? [`${where}: imports ${to}`] : []
  })

/** Expressions that reach outside the process, and the files that may use them. */
const expressions: readonly Owned[] = [
  {
    what: /^process\.env$/,
    by: /^(server\/src\/(config|main)|bridge\/src\/(hook-)?environment|cli\/src\/(environment|run\/environment)|client\/src\/tony\/environment)\.ts$/,
  },
  {
    what: /^(Date\.now|Math\.random|performance\.now|setTimeout|setInterval)$/,
    by: /^(server\/src\/platform\/clock\.ts|bridge\/src\/clock\.ts|cli\/src\/timer\.ts|server\/src\/store\/sqlite\/checkpoint-worker\.ts|client\/src\/.+|dashboard\/src\/clock\.ts)$/,
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
    const dates = /^(client\/|dashboard\/src\/clock)/.test(source.path) ? [] : nodesOf(source, isNewDate)
    return [...reaches(source), ...dates.map((node) => `${at(source, node)}: new Date()`)]
  })

const operations = /^server\/src\/(operations|domain|sweeps)\//

/** Finds imports of transports or the log in operations and in the domain. */
export const pureOperations: Rule = (sources) =>
  sources
    .flatMap(importsOf)
    .filter(({ from, to }) => operations.test(from) && /^(@trpc\/|pino|prom-client|ws$|node:http)/.test(to))
    .map(({ where, to }) => `${where}: an operation imports ${to}`)

/** Modules that can open a connection. `isHarmless` lists their exports that cannot. */
const dialling = /^(node:)?(http|https|http2|net|tls|dgram|dns|undici|ws|jose|child_process)(\/promises)?$/
const harmless =
  /^(createServer|createSecureContext|createSecureServer|Server|BlockList|isIP|isIPv4|isIPv6|STATUS_CODES|WebSocketServer)$/
/** One function of `jose` fetches; the others do not. */
const isHarmless = (module: string, name: string): boolean =>
  module === 'jose' ? !/^(createRemote|\*)/.test(name) : harmless.test(name)

const isDialler = (text: string): boolean => /^(globalThis\.)?(fetch|WebSocket|EventSource|XMLHttpRequest)$/.test(text)

/**
 * The permitted callers: they connect to the address of an issuer that the operator has configured,
 * to the database, and to the public endpoints of webhooks.
 */
const diallers = [
  { by: /^server\/src\/domain\/identity\/issuers\/public-keys\.ts$/, what: /^fetch$/ },
  // The sender of webhooks connects to addresses that its guard has checked, and to no others.
  { by: /^server\/src\/platform\/webhook-poster\.ts$/, what: /^(Agent|request)$/ },
  { by: /^server\/src\/platform\/address-policy\.ts$/, what: /^lookup$/ },
  // The class of accepted sockets extends the class of the library, which could also connect.
  { by: /^server\/src\/transports\/ws\/server-web-socket\.ts$/, what: /^WebSocket(\.OPEN)?$/ },
  // Runs the script that writes a migration, for a developer in the repository.
  { by: /^server\/src\/maintenance\/migrate\.ts$/, what: /^execFileSync$/ },
]

const mayDial = (path: string, what: string): boolean =>
  diallers.some(({ by, what: allowed }) => by.test(path) && allowed.test(what))

/**
 * Returns the names that a file imports from a module that can connect; `*` stands for the whole
 * module.
 */
function dialledImports(source: Source): string[] {
  const isImport = (node: ts.Node): node is ts.ImportDeclaration => ts.isImportDeclaration(node)
  return nodesOf(source, isImport).flatMap((node) => {
    const { importClause: clause, moduleSpecifier } = node
    if (!ts.isStringLiteral(moduleSpecifier) || !dialling.test(moduleSpecifier.text)) return []
    if (clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return []
    const named = clause?.namedBindings
    const taken =
      named && ts.isNamedImports(named) && !clause?.name
        ? named.elements.filter((one) => !one.isTypeOnly).map((one) => (one.propertyName ?? one.name).text)
        : ['*']
    return taken
      .filter((name) => !isHarmless(moduleSpecifier.text, name) && !mayDial(source.path, name))
      .map((name) => `${at(source, node)}: ${name} of ${moduleSpecifier.text}`)
  })
}

const isName = (node: ts.Node): node is ts.Identifier | ts.PropertyAccessExpression =>
  (ts.isIdentifier(node) && !ts.isPropertyAccessExpression(node.parent) && !ts.isImportSpecifier(node.parent)) ||
  ts.isPropertyAccessExpression(node)

const isDynamicImport = (node: ts.Node): node is ts.CallExpression =>
  ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
const isOwnFile = (what: ts.Expression): boolean => ts.isStringLiteral(what) && what.text.startsWith('.')

/**
 * Finds places where the server could connect to another host. A caller chooses no target but the
 * endpoint of a webhook.
 */
export const diallingOut: Rule = (sources) =>
  sources
    .filter(({ path }) => path.startsWith('server/src/'))
    .flatMap((source) => {
      const types = new Set(
        source.tree.statements
          .filter(ts.isImportDeclaration)
          .flatMap(({ importClause }) =>
            importClause?.namedBindings && ts.isNamedImports(importClause.namedBindings)
              ? importClause.namedBindings.elements.map(({ name }) => name.text)
              : [],
          ),
      )
      const globals = nodesOf(source, isName)
        .map((node) => ({ node, text: node.getText(source.tree) }))
        .filter(({ text }) => isDialler(text) && !types.has(text) && !mayDial(source.path, text))
      const loaded = nodesOf(source, isDynamicImport).filter(({ arguments: [what] }) => !what || !isOwnFile(what))
      return [
        ...dialledImports(source),
        ...globals.map(({ node, text }) => `${at(source, node)}: ${text}`),
        ...loaded.map((node) => `${at(source, node)}: ${node.getText(source.tree)}`),
      ]
    })
