import { describe } from 'vitest'
import { openedPostgres, postgresServer } from '../support/postgres.ts'
import { storeConformance } from './conformance.ts'

describe.skipIf(postgresServer === undefined)('with a PostgreSQL', () => {
  storeConformance('PostgreSQL', openedPostgres)
  storeConformance('PostgreSQL without turns, notifications and prepared statements', () =>
    openedPostgres({ turns: false, notify: false, pooler: true }),
  )
})
