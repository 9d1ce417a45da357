import { readFileSync } from 'node:fs'
import { CommandError } from '../command-error.ts'
import type { ServerOptions } from '../contexts/settings.ts'
import { usageExitCode } from '../exit-codes.ts'
import { isRecord } from '../is-record.ts'
import { type ProcedureInput, parseValue, setField, toFieldName } from './input.ts'

/** Options of the command itself, where the procedure has no field of their name. */
const ownOptions = {
  url: 'url',
  project: 'project',
  context: 'context',
  tokenFile: 'tokenFile',
  timeout: 'timeout',
  json: 'json',
} as const satisfies Record<string, keyof ServerOptions | 'timeout' | 'json'>

type OwnOption = (typeof ownOptions)[keyof typeof ownOptions]

/** The words after the name of a procedure. */
export interface ProcedureArguments {
  readonly input: Record<string, unknown>
  readonly own: Readonly<Partial<Record<OwnOption, string>>>
  readonly help: boolean
}

const isOwnOption = (name: string): name is OwnOption => Object.hasOwn(ownOptions, name)

/** Returns the object of a JSON argument; `-` reads standard input. */
function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text === '-' ? readFileSync(0, 'utf8') : text)
    if (isRecord(value)) return value
  } catch (cause) {
    throw new CommandError(usageExitCode, 'the input is not JSON', { cause })
  }
  throw new CommandError(usageExitCode, 'the input is no JSON object')
}

/** Splits `--name=value`, or takes the next word as the value. */
function readOption(word: string, rest: string[], isFlag: (name: string) => boolean) {
  const [, option = '', inline] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
  const name = toFieldName(option)
  if (inline !== undefined) return { name, value: inline }
  const [next] = rest
  if (isFlag(name) && next !== 'true' && next !== 'false') return { name, value: 'true' }
  // A value that begins so is written as --name=--value.
  if (next === undefined || next.startsWith('--')) throw new CommandError(usageExitCode, `--${option} needs a value`)
  rest.shift()
  return { name, value: next }
}

/**
 * Parses the words after the name of a procedure: an object of JSON, and options for its fields.
 * Throws CommandError for an unknown option.
 */
export function parseProcedureArguments(
  procedure: string,
  { fields }: ProcedureInput,
  words: readonly string[],
): ProcedureArguments {
  const rest = [...words]
  const input: Record<string, unknown> = {}
  const own: Partial<Record<OwnOption, string>> = {}
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--help' || word === '-h') return { input, own, help: true }
    if (!word.startsWith('--')) {
      Object.assign(input, parseObject(word))
      continue
    }
    const { name, value } = readOption(word, rest, (field) => fields[field]?.kind === 'flag')
    const field = fields[name]
    if (field) setField(input, name, parseValue(`--${name}`, field, value), field.kind === 'texts')
    else if (isOwnOption(name)) own[name] = value
    else {
      const known = Object.keys(fields).join(', ')
      throw new CommandError(usageExitCode, `${procedure} has no field "${name}": it has ${known || 'none'}`)
    }
  }
  return { input, own, help: false }
}
