import { availableParallelism } from 'node:os'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { hasPostgres } from './tests/support/postgres-cluster.ts'
import { filesOf, type Tier, tierOf } from './tests/tiers.ts'

const globalSetup = ['tests/support/temporary-folder.ts', 'tests/support/postgres-run.ts']

function projectsOf(tier: Tier): TestProjectInlineConfiguration[] {
  const { sqlite, postgres, rounds } = filesOf(tier)
  const env = { TONY_TEST_ROUNDS: rounds }
  const onSqlite = { extends: true as const, test: { name: 'sqlite', ...sqlite, env, globalSetup } }
  const onPostgres = {
    extends: true as const,
    test: { name: 'postgres', ...postgres, env: { ...env, TONY_TEST_STORE: 'postgres' }, globalSetup },
  }
  return hasPostgres() ? [onSqlite, onPostgres] : [onSqlite]
}

export default defineConfig(({ mode }) => ({
  resolve: { conditions: ['tony-source'] },
  ssr: { resolve: { conditions: ['tony-source', 'node', 'default'] } },
  test: {
    // An import of the server takes 1.4 s of CPU time, so the files of a worker share their
    // imports.
    isolate: false,
    // Many tests wait for a process or a timer: with two workers a third of two cores was idle.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    execArgv: [`--import=${new URL('tests/support/resolve-drizzle.mjs', import.meta.url)}`],
    setupFiles: ['tests/support/clean-environment.ts', 'tests/support/leftover-processes.ts'],
    // A test that hangs may take long to fail, and a test that passes may take long on a busy
    // machine.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    projects: projectsOf(tierOf(mode)),
    coverage: {
      provider: 'v8',
      include: ['*/src/**/*.ts'],
      // The dashboard runs in a browser, which reports no coverage to the tests.
      exclude: ['client/src/generated/**', 'dashboard/**'],
      reporter: ['text-summary'],
      thresholds: { lines: 85 },
    },
  },
}))
