import { describe } from 'vitest'
import { openedPostgres, postgresServer } from '../support/postgres.ts'
import { storeConformance } from './conformance.ts'

/** The size of a batch must not depend on the load of the machine. */
const timeSliceMs = 60_000

describe.skipIf(postgresServer === undefined)('with a PostgreSQL', () => {
  storeConformance('PostgreSQL', () => openedPostgres({ timeSliceMs }))
  storeConformance('PostgreSQL without the writer lock, notifications and prepared statements', () =>
    openedPostgres({ timeSliceMs, writerLock: false, notify: false, pooler: true }),
  )
})
