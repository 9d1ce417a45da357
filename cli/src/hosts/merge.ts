import { isRecord } from '../is-record.ts'
import type { ConfigEntry, EntryValue } from './config-entries.ts'
import type { FileContents } from './host-files.ts'
import type { HostFile } from './hosts.ts'

const isEqual = (one: unknown, other: unknown): boolean =>
  JSON.stringify(sortKeys(one)) === JSON.stringify(sortKeys(other))

/** Returns the same value with sorted keys. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortKeys(value[key])]),
  )
}

/**
 * Returns the value for an entry: ours, with the keys that a user has added, such as environment
 * variables.
 */
function expectedValue({ kind, value }: ConfigEntry, found: unknown): unknown {
  if (kind === 'element' || kind === 'constant' || !isRecord(value) || !isRecord(found)) return value
  const env = { ...(isRecord(found['env']) && found['env']), ...(isRecord(value['env']) && value['env']) }
  return { ...found, ...value, ...(Object.keys(env).length > 0 && { env }) }
}

/** A difference between the actual and the expected value. */
export interface Drift {
  readonly at: string
  readonly is: unknown
  readonly expected: unknown
}

function findDrift(at: string, is: unknown, expected: unknown): Drift[] {
  if (isEqual(is, expected)) return []
  if (!isRecord(is) || !isRecord(expected)) return [{ at, is, expected }]
  return Object.keys(expected).flatMap((key) => findDrift(`${at}.${key}`, is[key], expected[key]))
}

/** Compares a file with its entries. `present` is false if it has none of them. */
export function compareFile(
  { format, entries }: HostFile,
  { text }: FileContents,
): { present: boolean; drift: Drift[] } {
  const found = text === undefined ? [] : format.find(text, entries)
  const drift = entries.flatMap((entry) => {
    const at = entry.path.join('.')
    const held = found.find((one) => one.entry === entry)
    if (!held) return [{ at, is: undefined, expected: entry.value }]
    return entry.kind === 'constant' ? [] : findDrift(at, held.value, expectedValue(entry, held.value))
  })
  return { present: found.some(({ entry }) => entry.kind !== 'constant'), drift }
}

/**
 * Returns the file without our entries; undefined if nothing would be left. The result equals the
 * original byte for byte unless another program has changed the file since.
 */
export function removeEntries({ format, entries }: HostFile, { text, backup }: FileContents): string | undefined {
  if (text === undefined) return undefined
  const found = format.find(text, entries)
  if (found.every(({ entry }) => entry.kind === 'constant')) return text
  if (format.insert(backup ?? '', found) === text) return backup
  const remaining = format.remove(text, entries, backup)
  const isEmpty = remaining.trim() === '' || /^\s*\{\s*\}\s*$/.test(remaining)
  return isEmpty && (backup ?? '').trim() === '' ? backup : remaining
}

/** Returns the file with all our entries up to date, and the file without them as the backup. */
export function mergeEntries(file: HostFile, disk: FileContents): FileContents {
  const { format, entries } = file
  const found: readonly EntryValue[] = disk.text === undefined ? [] : format.find(disk.text, entries)
  const base = removeEntries(file, disk)
  const values = entries.map((entry) => ({
    entry,
    value: expectedValue(entry, found.find((one) => one.entry === entry)?.value),
  }))
  return { text: format.insert(base ?? '', values), backup: base }
}
