import type { Stored } from './database.ts'
import type { Recorded } from './recorded.ts'
import type { Violation } from './violation.ts'

export interface Expected {
  readonly finished: boolean
}

/** A set of rules: compares what clients recorded with what the database holds. */
export type Checker = (recorded: Recorded, stored: Stored, expected: Expected) => Violation[]
