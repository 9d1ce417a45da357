import { defineConfig } from 'vitest/config'
import { hasPostgres } from './tests/support/postgres-cluster.ts'

const globalSetup = ['tests/support/postgres-run.ts']

/** What knows no engine runs a second time, on PostgreSQL: in each run the API, with TONY_TEST_POSTGRES=all every surface too. */
const rooms = process.env['TONY_TEST_POSTGRES'] === 'all' ? '{api,access,bridge,client,surfaces}' : 'api'

/** They damage the file of SQLite, or sign with the key beside it. */
const ofFiles = ['access/matrix', 'access/same-words', 'surfaces/failures']

const onPostgres = {
  extends: true as const,
  test: {
    name: 'postgres',
    include: [`tests/${rooms}/**/*.test.ts`],
    exclude: ofFiles.map((name) => `tests/${name}.test.ts`),
    env: { TONY_TEST_STORE: 'postgres' },
    globalSetup,
  },
}

export default defineConfig({
  resolve: { conditions: ['tony-source'] },
  ssr: { resolve: { conditions: ['tony-source', 'node', 'default'] } },
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A second is not much where both cores are busy.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      { extends: true, test: { name: 'sqlite', include: ['tests/**/*.test.ts'], globalSetup } },
      ...(hasPostgres() ? [onPostgres] : []),
    ],
    coverage: {
      provider: 'v8',
      include: ['*/src/**/*.ts'],
      exclude: ['client/src/generated/**'],
      reporter: ['text-summary'],
      thresholds: { lines: 85 },
    },
  },
})
