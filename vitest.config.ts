import { defineConfig } from 'vitest/config'
import { hasPostgres } from './tests/support/postgres-cluster.ts'

const globalSetup = ['tests/support/postgres-run.ts']

/** What runs a second time, on PostgreSQL: the tests through the client, which know no engine. */
const onPostgres = {
  extends: true as const,
  test: {
    name: 'postgres',
    include: ['tests/api/**/*.test.ts'],
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
