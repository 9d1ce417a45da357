import { globSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import ts from 'typescript'

/** One file, parsed. `path` is relative to the root of the repository. */
export interface Source {
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
}

/** A rule: what is wrong with these files, one line each. */
export type Rule = (sources: readonly Source[]) => string[]

/** Small sources that break one rule each, and what the rule says of them. */
export interface Planted {
  readonly what: string
  readonly rule: Rule
  readonly files: Readonly<Record<string, string>>
  /** What is said, by its beginning; nothing when it is empty. */
  readonly says: readonly string[]
}

export const parseSource = (path: string, text: string): Source => ({
  path,
  text,
  tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true),
})

export const root = resolve(import.meta.dirname, '../../..')

/** What is shipped: not the tests, and not what the build writes. */
export const readProduct = (): Source[] =>
  read('{shared,tools,server,client,bridge,cli}/src/**/*.ts').filter(({ path }) => !path.includes('/generated/'))

export const readTests = (): Source[] => read('tests/**/*.ts')

/** Scripts and configuration that stand beside both. */
export const readTools = (): Source[] => read('{scripts,bench,demo}/**/*.ts').concat(read('*.config.ts'))

function read(pattern: string): Source[] {
  const paths = globSync(pattern, {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist)(\/|$)/.test(String(path)),
  })
  return paths
    .toSorted()
    .map((path) => parseSource(relative(root, resolve(root, path)), readFileSync(resolve(root, path), 'utf8')))
}

export const linesOf = ({ text }: Source): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0)

/** Where a node is, as `path:line`. */
export function at({ path, tree }: Source, node: ts.Node): string {
  return `${path}:${tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1}`
}

/** Every node of a file that `is` says yes to. */
export function nodesOf<N extends ts.Node>({ tree }: Source, is: (node: ts.Node) => node is N): N[] {
  const found: N[] = []
  const visit = (node: ts.Node): void => {
    if (is(node)) found.push(node)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}
