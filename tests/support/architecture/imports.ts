import { posix } from 'node:path'
import ts from 'typescript'
import { at, nodesOf, type Source } from './source.ts'

export interface Import {
  readonly from: string
  /** A path in the repository, or the name of a package. */
  readonly to: string
  /** True if the import includes a value, and not only types. */
  readonly value: boolean
  readonly where: string
}

/** The prefixes of the repository's own packages, and their folders. */
const own: readonly (readonly [prefix: string, folder: string])[] = [
  ['@tony/mcp-shared/', 'shared/src/'],
  ['@tony/mcp-server/', 'server/src/'],
]

function resolved(from: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(from), specifier))
  const way = /^@tony\/mcp-client(\/.+)?$/.exec(specifier)
  if (way) return `client/src${way[1] ?? ''}/index.ts`
  for (const [prefix, folder] of own)
    if (specifier.startsWith(prefix)) return `${folder}${specifier.slice(prefix.length)}.ts`
  return specifier
}

/** True if an import or export includes a value: neither `import type` nor only `type` names. */
function bringsValue(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    if (node.isTypeOnly) return false
    const names = node.exportClause && ts.isNamedExports(node.exportClause) ? node.exportClause.elements : undefined
    return names === undefined || names.some((name) => !name.isTypeOnly)
  }
  const clause = node.importClause
  if (!clause) return true
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return false
  if (clause.name || !clause.namedBindings || !ts.isNamedImports(clause.namedBindings)) return true
  return clause.namedBindings.elements.some((name) => !name.isTypeOnly)
}

const isDeclaration = (node: ts.Node): node is ts.ImportDeclaration | ts.ExportDeclaration =>
  ts.isImportDeclaration(node) || ts.isExportDeclaration(node)

const isDynamic = (node: ts.Node): node is ts.CallExpression =>
  ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword

/** Returns everything that a file imports or re-exports, dynamic imports included. */
export function importsOf(source: Source): Import[] {
  const { path } = source
  const found: Import[] = []
  for (const node of nodesOf(source, isDeclaration)) {
    const { moduleSpecifier } = node
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier)) continue
    found.push({
      from: path,
      to: resolved(path, moduleSpecifier.text),
      value: bringsValue(node),
      where: at(source, node),
    })
  }
  for (const call of nodesOf(source, isDynamic)) {
    const [specifier] = call.arguments
    if (specifier && ts.isStringLiteral(specifier))
      found.push({ from: path, to: resolved(path, specifier.text), value: true, where: at(source, call) })
  }
  return found
}
