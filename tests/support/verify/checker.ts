import type { Stored } from './database.ts'
import type { Recorded } from './recorded.ts'
import type { Violation } from './violation.ts'

export interface Expected {
  readonly finished: boolean
}

/** A set of rules that compare the records of the clients with the rows of the database. */
export type Checker = (recorded: Recorded, stored: Stored, expected: Expected) => Violation[]
