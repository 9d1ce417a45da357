import type { QueryArrayConfig } from 'pg'
import { setFormOf } from './set-form.ts'

interface StatementRows {
  readonly rows: unknown[][]
}

/** Sends one named statement. */
export type StatementSender = (text: string, values: unknown[], rowMode: 'array' | undefined) => Promise<StatementRows>

/** One statement of an operation that waits for its set. */
interface StatementExecution {
  readonly values: unknown[]
  readonly resolve: (result: StatementRows) => void
  readonly reject: (error: unknown) => void
}

/** The waiting calls of one statement. */
interface WaitingExecutions {
  readonly rowMode: 'array' | undefined
  readonly isOfOneRow: boolean
  readonly calls: StatementExecution[]
}

/** Bounds of one set. A set holds the event loop while its parameters are written. */
const statementSetLimits = { calls: 256, characters: 1_048_576 }

/** Set forms by the text of their statement; null if it has none. They fit every connection. */
const forms = new Map<string, string | null>()

const valueLengthOf = (value: unknown): number => (typeof value === 'string' ? value.length : 8)
const executionSizeOf = ({ values }: StatementExecution): number =>
  values.reduce<number>((sum, value) => sum + valueLengthOf(value), 0)

/** Divides the calls of a statement into sets within the limits. */
function divideIntoSets(calls: readonly StatementExecution[]): StatementExecution[][] {
  const sets: StatementExecution[][] = []
  let characters = 0
  for (const call of calls) {
    const size = executionSizeOf(call)
    const last = sets.at(-1)
    if (!last || last.length === statementSetLimits.calls || characters + size > statementSetLimits.characters) {
      sets.push([call])
      characters = size
    } else {
      last.push(call)
      characters += size
    }
  }
  return sets
}

/** Returns the rows of each call by the number at their end. */
function groupFoundRows(set: readonly StatementExecution[], rows: readonly unknown[][]): unknown[][][] {
  const found = set.map((): unknown[][] => [])
  for (const row of rows) found[Number(row.pop()) - 1]?.push(row)
  return found
}

/** Returns the row of each call: PostgreSQL inserts and returns rows in the order of the set. */
function groupInsertedRows(set: readonly StatementExecution[], rows: readonly unknown[][]): unknown[][][] {
  if (rows.length === 0) return set.map(() => [])
  if (rows.length !== set.length) throw new Error(`${set.length} inserts returned ${rows.length} rows`)
  return rows.map((row) => [row])
}

/**
 * Collects the statements of operations that run at the same time on one connection, and sends them
 * at the end of the loop turn. Equal statements become one set: a statement whose parameters are
 * arrays, and which takes one round trip. Different statements are sent one after another without
 * waiting for replies.
 */
export class StatementSets {
  readonly #send: StatementSender
  readonly #typesOf: (text: string) => Promise<readonly string[] | undefined>
  #waiting = new Map<string, WaitingExecutions>()

  /** `typesOf` returns the types of a statement's parameters, once the statement has been sent. */
  constructor(send: StatementSender, typesOf: (text: string) => Promise<readonly string[] | undefined>) {
    this.#send = send
    this.#typesOf = typesOf
  }

  query({ text, rowMode }: Pick<QueryArrayConfig, 'text' | 'rowMode'>, values: unknown[], isOfOneRow: boolean) {
    if (this.#waiting.size === 0) setImmediate(() => this.#flush())
    const waiting = this.#waiting.get(text) ?? { rowMode, isOfOneRow, calls: [] }
    this.#waiting.set(text, waiting)
    return new Promise<StatementRows>((resolve, reject) => waiting.calls.push({ values, resolve, reject }))
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = new Map()
    for (const [text, calls] of waiting) void this.#sendAll(text, calls)
  }

  async #sendAll(text: string, { rowMode, isOfOneRow, calls }: WaitingExecutions): Promise<void> {
    const isUpdate = text.startsWith('update ')
    const form = calls.length > 1 && (isOfOneRow || !isUpdate) ? forms.get(text) : null
    if (form === undefined) {
      await this.#learnForm(text, rowMode, calls)
      return
    }
    for (const set of form === null ? calls.map((call) => [call]) : divideIntoSets(calls)) {
      if (form === null || set.length === 1) for (const call of set) void this.#sendOne(text, rowMode, call)
      else void this.#sendSet({ text, form, isUpdate }, rowMode, set)
    }
  }

  /** Sends the calls one by one, and learns the set form for the next time. */
  async #learnForm(text: string, rowMode: 'array' | undefined, calls: readonly StatementExecution[]): Promise<void> {
    const sent = calls.map((call) => this.#sendOne(text, rowMode, call))
    try {
      const types = await this.#typesOf(text)
      // A statement whose connection was lost in between is learned by another one.
      if (types) forms.set(text, setFormOf(text, types) ?? null)
    } catch (error) {
      // The calls have the same error: the transaction or the connection has failed.
      await Promise.all(sent)
      for (const { reject } of calls) reject(error)
    }
  }

  async #sendOne(
    text: string,
    rowMode: 'array' | undefined,
    { values, resolve, reject }: StatementExecution,
  ): Promise<void> {
    try {
      resolve(await this.#send(text, values, rowMode))
    } catch (error) {
      reject(error)
    }
  }

  async #sendSet(
    { text, form, isUpdate }: { readonly text: string; readonly form: string; readonly isUpdate: boolean },
    rowMode: 'array' | undefined,
    set: readonly StatementExecution[],
  ): Promise<void> {
    try {
      const columns = set[0]?.values.map((_, index) => set.map(({ values }) => values[index])) ?? []
      const { rows } = await this.#send(form, columns, 'array')
      const found = text.startsWith('insert ') ? groupInsertedRows(set, rows) : groupFoundRows(set, rows)
      for (const [index, call] of set.entries()) {
        const own = found[index] ?? []
        // Two calls may name one row, and PostgreSQL updates it for one of them. The other one
        // follows, as it would have without the set.
        if (isUpdate && own.length === 0) void this.#sendOne(text, rowMode, call)
        else call.resolve({ rows: own })
      }
    } catch (error) {
      for (const { reject } of set) reject(error)
    }
  }
}
