import ts from 'typescript'
import { nodesOf, type Source } from './source.ts'

/** Returns the variables of the configuration: the keys of its schema. */
export function schemaKeys(config: Source): string[] {
  const [schema] = nodesOf(config, ts.isVariableDeclaration).filter(
    (node) => node.name.getText(config.tree) === 'environment',
  )
  const [object] = schema
    ? nodesOf({ ...config, tree: config.tree }, ts.isObjectLiteralExpression).filter((node) => within(node, schema))
    : []
  const keys = object?.properties.flatMap(({ name }) => (name ? [name.getText(config.tree)] : [])) ?? []
  return keys.toSorted()
}

function within(node: ts.Node, ancestor: ts.Node): boolean {
  for (let at: ts.Node = node; at !== at.getSourceFile(); at = at.parent) if (at === ancestor) return true
  return false
}

/** Returns the variables that an example of an environment names, set or commented out. */
export const exampleKeys = (text: string): string[] =>
  [...text.matchAll(/^#?\s?([A-Z][A-Z0-9_]+)=/gm)].map(([, key = '']) => key).toSorted()

/** Returns the variables in the first column of a Markdown table. */
export const tableKeys = (text: string): string[] =>
  [...text.matchAll(/^\|\s*`([A-Z][A-Z0-9_]+)`\s*\|/gm)].map(([, key = '']) => key).toSorted()
