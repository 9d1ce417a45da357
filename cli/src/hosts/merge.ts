import type { FileContents } from './host-files.ts'
import type { HostFile } from './hosts.ts'
import { type FilledSlot, isRecord, type Slot } from './slots.ts'

const isEqual = (one: unknown, other: unknown): boolean =>
  JSON.stringify(sortKeys(one)) === JSON.stringify(sortKeys(other))

/** The same value with its keys in order. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortKeys(value[key])]),
  )
}

/** What is to stand in a slot: ours, and beside it the keys a user has added, such as variables of the environment. */
function expectedValue({ kind, value }: Slot, found: unknown): unknown {
  if (kind === 'element' || kind === 'constant' || !isRecord(value) || !isRecord(found)) return value
  const env = { ...(isRecord(found['env']) && found['env']), ...(isRecord(value['env']) && value['env']) }
  return { ...found, ...value, ...(Object.keys(env).length > 0 && { env }) }
}

/** A difference between what stands in a file and what should. */
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

/** What a file looks like from here: not ours at all, as it should be, or how it differs. */
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

/** The file without what is ours; undefined where nothing would be left of it. To the byte as it was, unless others have written since. */
export function removeSlots({ format, slots }: HostFile, { text, backup }: FileContents): string | undefined {
  if (text === undefined) return undefined
  const found = format.find(text, slots)
  if (found.every(({ slot }) => slot.kind === 'constant')) return text
  if (format.insert(backup ?? '', found) === text) return backup
  const remaining = format.remove(text, slots, backup)
  const isEmpty = remaining.trim() === '' || /^\s*\{\s*\}\s*$/.test(remaining)
  return isEmpty && (backup ?? '').trim() === '' ? backup : remaining
}

/** The file with what is ours as it should be, and the one without it, to keep. */
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
