import { CommandError } from '../command-error.ts'
import { usageExitCode } from '../exit-codes.ts'
import { isRecord } from '../is-record.ts'

/** A field of an input as an option. `texts` may be repeated, and `json` takes any JSON. */
export interface InputField {
  readonly kind: 'text' | 'number' | 'flag' | 'texts' | 'json'
  readonly required?: true
  /** True if the word `null` means no value. */
  readonly nullable?: true
  readonly words?: readonly string[]
}

/** A procedure and its input fields by name. A dotted name is a field of an object. */
export interface ProcedureInput {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly fields: Readonly<Record<string, InputField>>
}

const throwUsageError = (message: string): never => {
  throw new CommandError(usageExitCode, message)
}

function parseJsonOption(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const message = `${name} takes JSON, and ${JSON.stringify(text)} is none: quote a text, as in '"text"'`
    throw new CommandError(usageExitCode, message, { cause })
  }
}

function toNumber(name: string, text: string): number {
  // An empty text would be 0.
  return /^-?\d+(\.\d+)?$/.test(text)
    ? Number(text)
    : throwUsageError(`${name} takes a number, not ${JSON.stringify(text)}`)
}

function toFlag(name: string, text: string): boolean {
  return text === 'true' || text === 'false' ? text === 'true' : throwUsageError(`${name} takes true or false`)
}

/** Returns the value of an option. Throws CommandError if the text does not fit the field. */
export function parseValue(name: string, { kind, nullable, words }: InputField, text: string): unknown {
  if (nullable && text === 'null') return null
  if (words && !words.includes(text)) return throwUsageError(`${name} takes one of ${words.join(', ')}`)
  if (kind === 'number') return toNumber(name, text)
  if (kind === 'flag') return toFlag(name, text)
  return kind === 'json' ? parseJsonOption(name, text) : text
}

/** Sets a value at a dotted name. A list grows. */
export function setField(input: Record<string, unknown>, name: string, value: unknown, isList: boolean): void {
  const names = name.split('.')
  const last = names.pop() ?? ''
  let object = input
  for (const step of names) {
    const below = object[step]
    const next: Record<string, unknown> = isRecord(below) ? below : {}
    object[step] = next
    object = next
  }
  const before = object[last]
  object[last] = isList ? [...(Array.isArray(before) ? before : []), value] : value
}

/** Returns the name of a field in camel case. Kebab case is accepted too. */
export const toFieldName = (option: string): string =>
  option.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
