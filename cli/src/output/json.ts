import type { Command } from 'commander'
import { CommandError } from '../command-error.ts'
import { usageExitCode } from '../exit-codes.ts'
import { isRecord } from '../is-record.ts'

/** The value of `--json`: all fields, the named fields, or no JSON. */
export type JsonOption = string | boolean | undefined

export const addJsonOption = (command: Command): Command =>
  command.option('--json [fields]', 'print JSON; with fields such as id,title only these')

/** Returns the value at a path such as `progress.percent`; null if there is none. */
const valueAt = (row: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, name) => (isRecord(value) ? (value[name] ?? null) : null), row)

/**
 * Returns a function that picks the fields of `--json`. It throws CommandError for an unknown
 * field.
 */
export function pickerOf(json: JsonOption): (row: unknown) => unknown {
  if (typeof json !== 'string') return (row) => row
  const fields = json.split(',').map((field) => field.trim())
  return (row) => {
    const known = isRecord(row) ? Object.keys(row) : []
    const unknown = fields.find((field) => !known.includes(field.split('.')[0] ?? ''))
    if (unknown !== undefined)
      throw new CommandError(usageExitCode, `--json has no field "${unknown}": the fields are ${known.join(', ')}`)
    return Object.fromEntries(fields.map((field) => [field, valueAt(row, field)]))
  }
}

/** Prints one object as a line of JSON. */
export const printJson = (value: unknown, json: JsonOption = true): void =>
  void process.stdout.write(`${JSON.stringify(pickerOf(json)(value))}\n`)
