/** The number of causes that the log shows. */
const maxCauses = 5

/** Returns a field of an error if it is a text. */
const textFieldOf = (error: Error, name: 'code' | 'constraint'): string | undefined => {
  const value: unknown = Reflect.get(error, name)
  return typeof value === 'string' ? value : undefined
}

/** The states of PostgreSQL for invalid data. Their messages quote the value. */
const invalidDataStatePattern = /^22[0-9A-Z]{3}$/

/** A message that quotes a value is left out: a parser quotes the text that it cannot read. */
function safeMessageOf(error: Error): string {
  const quotesValue = error instanceof SyntaxError || invalidDataStatePattern.test(textFieldOf(error, 'code') ?? '')
  return quotesValue ? 'the message quotes a value and is left out' : error.message
}

/** The first line of a stack repeats the message. */
const stackFramesOf = ({ stack = '' }: Error): string =>
  stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n')

/** True for an error of the query builder. Its message and its fields hold every parameter. */
const isQueryError = (error: Error): boolean => 'query' in error && 'params' in error

/**
 * Converts an error to its form in the log: kind, message, code, constraint, stack and cause. Other
 * fields are left out, because drivers put parameters and rows into them.
 */
export function toLoggedError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return { type: typeof error }
  const { cause } = error
  const hasCause = cause !== undefined && depth < maxCauses
  if (isQueryError(error) && hasCause) return toLoggedError(cause, depth + 1)
  return {
    type: error.constructor.name,
    message: isQueryError(error) ? 'a statement failed' : safeMessageOf(error),
    code: textFieldOf(error, 'code'),
    constraint: textFieldOf(error, 'constraint'),
    stack: stackFramesOf(error),
    cause: hasCause ? toLoggedError(cause, depth + 1) : undefined,
  }
}
