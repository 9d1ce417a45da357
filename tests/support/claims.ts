import { existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { root, textOf } from './pages.ts'

/** Finds wrong claims of a page. Each is in the words of the page. */
type ClaimRule = (page: string) => string[]

/** `tools/list` is a method of MCP and no path. */
const folders = 'shared|server|client|bridge|tools\\/src|cli|demo|bench|examples|tests|scripts|drizzle|plans|docs'
const filePath = `\`((?:${folders})\\/[\\w./-]+\\.\\w+)\``
const identifier = '`([A-Za-z_][\\w.]*)`'

/**
 * True if a string of the file begins with the test name. The page may break the name over two
 * lines.
 */
const hasTest = (path: string, name: string): boolean => {
  const text = textOf(path)
  return ["'", '"', '`'].some((quote) => text.includes(quote + name.replaceAll(/\s+/g, ' ')))
}

const hasWord = (path: string, name: string): boolean => {
  const word = name.split('.').at(-1) ?? name
  return existsSync(resolve(root, path)) && new RegExp(`\\b${word}\\b`).test(textOf(path))
}

/** Finds paths from the root, of files and folders, that do not exist. */
export const absentPaths: ClaimRule = (page) =>
  [...page.matchAll(new RegExp(`\`((?:${folders})\\/[\\w./-]+)\``, 'g'))]
    .map(([, path = '']) => path)
    .filter((path) => !existsSync(resolve(root, path)))

const sourceFolders = ['shared', 'server', 'client', 'bridge', 'tools', 'cli', 'dashboard'].map((name) => `${name}/src`)
const sourceNames = new Set(
  [...sourceFolders, 'demo', 'bench', 'examples', 'tests', 'scripts'].flatMap((folder) =>
    readdirSync(resolve(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => path.split('/').at(-1)),
  ),
)

/** Finds names of TypeScript files without a folder that no folder has. */
export const absentFileNames: ClaimRule = (page) =>
  [...page.matchAll(/`([\w.-]+\.ts)`/g)]
    .map(([, name = '']) => name)
    .filter((name) => !sourceNames.has(name) && !existsSync(resolve(root, name)))

const testNames = new RegExp(
  `${filePath}(?::\\s+|\\s+\\()((?:"[^"]+"(?:,\\s+and\\s+|,\\s+|\\s+and\\s+|;\\s+(?="))?)+)`,
  'g',
)

/**
 * Finds test names after a file without such a test: `` `tests/a.test.ts`: "one", "two" `` or in
 * brackets.
 */
export const absentTests: ClaimRule = (page) =>
  [...page.matchAll(testNames)].flatMap(([, path = '', names = '']) =>
    [...names.matchAll(/"([^"]+)"/g)].flatMap(([quoted, name = '']) =>
      existsSync(resolve(root, path)) && hasTest(path, name) ? [] : [`${path}: ${quoted}`],
    ),
  )

const namesBefore = new RegExp(`${identifier}\\s+(?:in\\s+|\\()${filePath}`, 'g')
const namesAfter = new RegExp(`${filePath}(?::\\s+|\\s+\\()((?:${identifier}(?:,\\s+|\\s+and\\s+)?)+)`, 'g')

/**
 * Finds identifiers before or after a file that does not contain them: `` `name` (`path`) ``, ``
 * `path`: `name` ``.
 */
export const absentNames: ClaimRule = (page) => [
  ...[...page.matchAll(namesBefore)].flatMap(([, name = '', path = '']) =>
    hasWord(path, name) ? [] : [`${path}: ${name}`],
  ),
  ...[...page.matchAll(namesAfter)].flatMap(([, path = '', names = '']) =>
    [...names.matchAll(new RegExp(identifier, 'g'))].flatMap(([, name = '']) =>
      hasWord(path, name) ? [] : [`${path}: ${name}`],
    ),
  ),
]
