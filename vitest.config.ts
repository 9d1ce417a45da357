import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['tony-source'] },
  ssr: { resolve: { conditions: ['tony-source', 'node', 'default'] } },
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/postgres-run.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['*/src/**/*.ts'],
      exclude: ['client/src/generated/**'],
      reporter: ['text-summary'],
      thresholds: { lines: 85 },
    },
  },
})
