import { importsOf } from './imports.ts'
import type { Rule } from './source.ts'

/** Files that import each other's values in a circle, each circle once. */
export const cycles: Rule = (sources) => {
  const paths = new Set(sources.map(({ path }) => path))
  const next = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source)
        .filter(({ value, to }) => value && paths.has(to))
        .map(({ to }) => to),
    ]),
  )
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start !== -1) found.push([...trail.slice(start), path].join(' → '))
    if (start !== -1 || done.has(path)) return
    for (const to of next.get(path) ?? []) visit(to, [...trail, path])
    done.add(path)
  }
  for (const path of paths) visit(path, [])
  return found
}
