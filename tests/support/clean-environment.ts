import { fileURLToPath } from 'node:url'

/**
 * Runs before each test file. A setting of the product in the environment of the caller, such as
 * DATABASE_PATH, must not reach a server or a command that a test starts.
 */
const settings = /^(MCP_|DATABASE_|LOG_|TLS_|TONY_(?!TEST_|PLANS$)|PORT$)/

for (const name of Object.keys(process.env)) if (settings.test(name)) delete process.env[name]
process.env['NODE_ENV'] = 'test'

// This variable disables the compile cache, which makes child processes start faster. Vitest sets
// it to measure coverage, but does not measure coverage in child processes.
delete process.env['NODE_DISABLE_COMPILE_CACHE']
process.env['NODE_COMPILE_CACHE'] = fileURLToPath(new URL('../../node_modules/.cache/tony-tests', import.meta.url))
process.env['NODE_OPTIONS'] = `--import=${new URL('./resolve-drizzle.mjs', import.meta.url)}`
