import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Returns the license of each package among some bundled modules, under its name. */
export function licensesOf(modules: ReadonlySet<string>): string {
  const folders = new Set(
    [...modules].flatMap((id) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id.replace(/^\0/, ''))?.[0] ?? []),
  )
  const texts = [...folders].toSorted().map((path) => {
    const { name, version, license }: Readonly<Record<string, string>> = JSON.parse(
      readFileSync(join(path, 'package.json'), 'utf8'),
    )
    const file = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry))
    return `${name} ${version} (${license})\n\n${file === undefined ? '' : readFileSync(join(path, file), 'utf8')}`
  })
  return texts.join(`\n${'-'.repeat(72)}\n\n`)
}
