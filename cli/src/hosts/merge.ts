import { isRecord } from '../is-record.ts'
import type { FileContents } from './host-files.ts'
import type { HostFile } from './hosts.ts'
import type { FilledSlot, Slot } from './slots.ts'

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
 * Returns the value for a slot: ours, with the keys that a user has added, such as environment
 * variables.
 */
function expectedValue({ kind, value }: Slot, found: unknown): unknown {
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

/** Compares a file with its slots. `present` is false if none of them is filled. */
export function compareFile({ format, slots }: HostFile, { text }: FileContents): { present: boolean; drift: Drift[] } {
  const found = text === undefined ? [] : format.find(text, slots)
  const drift = slots.flatMap((slot) => {
    const at = slot.path.join('.')
    const held = found.find((filled) => filled.slot === slot)
    if (!held) return [{ at, is: undefined, expected: slot.value }]
    return slot.kind === 'constant' ? [] : findDrift(at, held.value, expectedValue(slot, held.value))
  })
  return { present: found.some(({ slot }) => slot.kind !== 'constant'), drift }
}

/**
 * Returns the file without our entries; undefined if nothing would be left. The result equals the
 * original byte for byte unless another program has changed the file since.
 */
export function removeSlots({ format, slots }: HostFile, { text, backup }: FileContents): string | undefined {
  if (text === undefined) return undefined
  const found = format.find(text, slots)
  if (found.every(({ slot }) => slot.kind === 'constant')) return text
  if (format.insert(backup ?? '', found) === text) return backup
  const remaining = format.remove(text, slots, backup)
  const isEmpty = remaining.trim() === '' || /^\s*\{\s*\}\s*$/.test(remaining)
  return isEmpty && (backup ?? '').trim() === '' ? backup : remaining
}

/** Returns the file with all our entries up to date, and the file without them as the backup. */
export function mergeSlots(file: HostFile, disk: FileContents): FileContents {
  const { format, slots } = file
  const found: readonly FilledSlot[] = disk.text === undefined ? [] : format.find(disk.text, slots)
  const base = removeSlots(file, disk)
  const filled = slots.map((slot) => ({
    slot,
    value: expectedValue(slot, found.find((one) => one.slot === slot)?.value),
  }))
  return { text: format.insert(base ?? '', filled), backup: base }
}
