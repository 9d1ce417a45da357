import { importsOf } from './imports.ts'
import type { Rule } from './source.ts'

/** Finds files that import each other in a circle, types included. Each circle is reported once. */
export const cycles: Rule = (sources) => {
  const paths = new Set(sources.map(({ path }) => path))
  const next = new Map(
    sources.map((source) => [
      source.path,
      new Set(
        importsOf(source)
          .map(({ to }) => to)
          .filter((to) => paths.has(to)),
      ),
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
