import { readdirSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Returns the text of a file of the repository by its path from the root. */
export const textOf = (path: string): string => readFileSync(resolve(root, path), 'utf8')

/** The Markdown pages that the docs tests read, as paths from the root. */
export const pages: readonly string[] = ['.', 'docs', 'docs/decisions'].flatMap((folder) =>
  readdirSync(resolve(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => relative(root, resolve(root, folder, name))),
)

/** Returns the findings of a rule on all pages, each with its page. */
export const onPages = (find: (text: string, page: string) => string[]): string[] =>
  pages.flatMap((page) => find(textOf(page), page).map((found) => `${page}: ${found}`))
