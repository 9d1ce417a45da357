import { readFileSync } from 'node:fs'
import { eventTypes } from '@tony/mcp-shared/event-words'
import type { Documented } from './play.ts'

/** Returns the fields of each event's data that the table of docs/protocol.md lists. */
export function documentedData(): Documented {
  const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| (`[a-z]+\.[a-z_]+`(?:, `[a-z._]+`)*) \| [a-z]+ \| (.*?) ?\|$/gm)]
  const table = new Map<string, string[]>()
  for (const [, types = '', data = ''] of rows) {
    // Text after a colon or a semicolon explains the words before it. Text between commas continues
    // the list.
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
