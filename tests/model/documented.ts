import { readFileSync } from 'node:fs'
import { eventTypes } from '@tony/mcp-shared/events'
import type { Documented } from './play.ts'

/** What the table of docs/protocol.md says the data of each event has. */
export function documentedData(): Documented {
  const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| (`[a-z]+\.[a-z_]+`(?:, `[a-z._]+`)*) \| [a-z]+ \| (.*) \|$/gm)]
  const table = new Map<string, string[]>()
  for (const [, types = '', data = ''] of rows) {
    // What follows a colon or a semicolon is about the words before it; what stands in commas goes on with the list.
    const said = data.replaceAll(
      /: `released`.*$|: whether.*$|: what was taken.*$|: the dependency.*$|: whose.*$|;.*$/g,
      '',
    )
    const words = [...said.matchAll(/`([a-zA-Z]+)`/g)].map(([, word = '']) => word)
    for (const [, type = ''] of types.matchAll(/`([a-z._]+)`/g)) table.set(type, words.toSorted())
  }
  const missing = eventTypes.filter((type) => !table.has(type))
  if (missing.length > 0) throw new Error(`docs/protocol.md does not say what ${missing.join(', ')} has`)
  return table
}
