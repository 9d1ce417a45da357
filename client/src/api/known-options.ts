import { TonyError } from './errors.ts'

/** Earlier names of options, for the error text. */
const renamedOptions: Readonly<Record<string, string>> = {
  credential: 'token',
  patience: 'timeouts',
  repeats: 'retries',
}

/**
 * Throws INVALID_INPUT for an option that a function does not have. A misspelled option would
 * otherwise be ignored in silence.
 */
export function requireKnownOptions(of: string, options: object, known: Readonly<Record<string, true>>): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue
    const renamed = renamedOptions[name]
    const hint = renamed === undefined ? `it has ${Object.keys(known).join(', ')}` : `use "${renamed}"`
    throw new TonyError(`${of} has no option "${name}": ${hint}`, {
      code: 'INVALID_INPUT',
      retryable: false,
      applied: 'no',
    })
  }
}
