import { globSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import ts from 'typescript'

/** One parsed file. `path` is relative to the root of the repository. */
export interface Source {
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
}

/** A rule returns a line for each fault in some files. */
export type Rule = (sources: readonly Source[]) => string[]

/** Small sources that break one rule, and the expected findings. */
export interface Planted {
  readonly what: string
  readonly rule: Rule
  readonly files: Readonly<Record<string, string>>
  /** The beginnings of the findings; empty if the rule must find nothing. */
  readonly says: readonly string[]
}

export const parseSource = (path: string, text: string): Source => ({
  path,
  text,
  tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true),
})

export const root = resolve(import.meta.dirname, '../../..')

/** Reads the product: neither the tests nor the output of the build. */
export const readProduct = (): Source[] =>
  read('{shared,tools,server,client,bridge,cli,dashboard}/src/**/*.{ts,tsx}').filter(
    ({ path }) => !path.includes('/generated/'),
  )

export const readTests = (): Source[] => read('tests/**/*.ts')

/** Reads the scripts, the benchmarks, the demo and the configuration. */
export const readTools = (): Source[] => read('{scripts,bench,demo}/**/*.ts').concat(read('*.config.ts'))

/** Reads the programs of the tests, with those in JavaScript. */
export const readTestPrograms = (): Source[] => read('tests/**/*.{ts,js,mjs}')

/** Reads the scripts, the benchmarks, the demo, the examples and the configuration. */
export const readOtherPrograms = (): Source[] =>
  read('{scripts,bench,demo,examples}/**/*.{ts,js,mjs}').concat(read('*.config.ts'))

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

/** Returns the place of a node as `path:line`. */
export function at({ path, tree }: Source, node: ts.Node): string {
  return `${path}:${tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1}`
}

/** Returns every node of a file for which `is` returns true. */
export function nodesOf<N extends ts.Node>({ tree }: Source, is: (node: ts.Node) => node is N): N[] {
  const found: N[] = []
  const visit = (node: ts.Node): void => {
    if (is(node)) found.push(node)
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}
