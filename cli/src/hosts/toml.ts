import { parse, stringify } from 'smol-toml'
import { isRecord } from '../is-record.ts'
import { type ConfigFormat, type EntryValue, HostFileError } from './config-entries.ts'

const beginMarker = '# >>> tony-mcp: written by `tony-mcp mcp install`, which replaces all between these marks >>>'
const endMarker = '# <<< tony-mcp <<<'

function parseToml(text: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (error) {
    throw new HostFileError(`is broken: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`)
  }
}

/** Returns the range of our block, with the line end before it; undefined if there is none. */
function findBlock(text: string): { from: number; to: number } | undefined {
  const at = text.indexOf(beginMarker)
  if (at < 0) return undefined
  const endAt = text.indexOf(endMarker, at)
  if (endAt < 0 || text.includes(beginMarker, at + 1)) throw new HostFileError('holds a damaged block of tony-mcp')
  const after = /^\r?\n/.exec(text.slice(endAt + endMarker.length))?.[0].length ?? 0
  const before = /\r?\n$/.exec(text.slice(0, at))?.[0].length ?? 0
  return { from: at - before, to: endAt + endMarker.length + after }
}

const withoutBlock = (text: string): string => {
  const block = findBlock(text)
  return block ? text.slice(0, block.from) + text.slice(block.to) : text
}

function valueAt(text: string, path: readonly string[]): unknown {
  let held: unknown = parseToml(text)
  for (const key of path) held = isRecord(held) ? held[key] : undefined
  return held
}

function insertEntry(text: string, { entry: { path }, value }: EntryValue): string {
  if (valueAt(text, path) !== undefined)
    throw new HostFileError(`has another entry at ${path.join('.')}: rename or remove it`)
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n'
  const table = stringify(path.reduceRight((held, key) => ({ [key]: held }), value))
  const block = [beginMarker, ...table.trim().split(/\r?\n/), endMarker, ''].join(lineEnd)
  const next = `${text}${text === '' ? '' : lineEnd}${block}`
  parseToml(next)
  return next
}

/** TOML. All our entries are in one block of lines at the end. */
export const tomlFormat: ConfigFormat = {
  find(text, entries) {
    parseToml(text)
    if (!findBlock(text)) return []
    return entries.flatMap((entry) => {
      const value = valueAt(text, entry.path)
      return entry.isOurs(value) ? [{ entry, value }] : []
    })
  },
  insert: (text, values) => values.reduce(insertEntry, text),
  remove: (text) => withoutBlock(text),
}
