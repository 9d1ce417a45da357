import { createReadStream } from 'node:fs'
import { PlanError } from './plan.ts'

export interface Line {
  /** Number of the line, from 1. */
  number: number
  text: string
}

/**
 * Yields the lines of a UTF-8 file, or of standard input for `-`. Blank lines are included, but
 * neither line feeds nor a byte order mark.
 *
 * @throws PlanError if the file cannot be read or is not UTF-8.
 */
export async function* readLines(file: string): AsyncGenerator<Line, void> {
  // Not node:readline, which also breaks lines at U+2028 and U+2029. A JSON string may have both of
  // them unescaped.
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const chunks: AsyncIterable<Buffer> = file === '-' ? process.stdin : createReadStream(file)
  let number = 0
  let unfinished: string[] = []
  try {
    for await (const chunk of chunks) {
      const [head = '', ...tail] = decoder.decode(chunk, { stream: true }).split('\n')
      unfinished.push(head)
      for (const piece of tail) {
        number += 1
        yield { number, text: unfinished.join('') }
        unfinished = [piece]
      }
    }
    unfinished.push(decoder.decode())
  } catch (cause) {
    throw toPlanError(file, cause)
  }
  const last = unfinished.join('')
  if (last !== '') yield { number: number + 1, text: last }
}

function toPlanError(file: string, cause: unknown): PlanError {
  if (cause instanceof TypeError) return new PlanError(file, 'is not UTF-8', { cause })
  return new PlanError(file, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
}

/** Returns the value of a JSON text; undefined if it is none. */
export function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
