import { describe } from 'vitest'
import { openedPostgres, postgresServer } from '../support/postgres.ts'
import { storeConformance } from './conformance.ts'

/** How full a batch gets is not to depend on how busy the machine is. */
const turnMs = 60_000

describe.skipIf(postgresServer === undefined)('with a PostgreSQL', () => {
  storeConformance('PostgreSQL', () => openedPostgres({ turnMs }))
  storeConformance('PostgreSQL without turns, notifications and prepared statements', () =>
    openedPostgres({ turnMs, turns: false, notify: false, pooler: true }),
  )
})
