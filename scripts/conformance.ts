/**
 * Runs every server scenario of a pre-release of the official conformance suite against `/mcp`:
 * `npm run conformance`. The suite is installed in a temporary folder. Each scenario runs twice,
 * against the server itself and against the server with test fixtures in front of it, and has to
 * pass once. `conformance-failures.json` names the version of the suite and the expected failures
 * with their reasons. Exits with 1 if another scenario fails, or if an expected failure passes.
 * `--suite VERSION` runs another version.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Fixtures } from '../tests/bridge/fixtures.ts'
import { TestServer } from '../tests/support/server.ts'

interface ExpectedFailures {
  readonly version: string
  readonly failures: Readonly<Record<string, string>>
}

const expected: ExpectedFailures = JSON.parse(
  readFileSync(new URL('./conformance-failures.json', import.meta.url), 'utf8'),
)
const { values } = parseArgs({ options: { suite: { type: 'string', default: expected.version } } })
const suitePackage = '@modelcontextprotocol/conformance'
const folder = mkdtempSync(join(tmpdir(), 'tony-conformance-'))

/** Runs a program in the folder of the suite. Its output is not shown. */
async function run(command: string, argv: readonly string[]): Promise<void> {
  await once(spawn(command, argv, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] }), 'close')
}

interface ScenarioCheck {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

/** Runs all scenarios against an address. Returns the failed checks of each scenario. */
async function failuresAt(url: string, output: string): Promise<Map<string, string[]>> {
  const suite = join(folder, 'node_modules', suitePackage, 'dist/index.js')
  await run(process.execPath, [suite, 'server', '--url', url, '--suite', 'all', '-o', output])
  const failures = new Map<string, string[]>()
  for (const entry of readdirSync(join(folder, output))) {
    const scenario = entry.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '')
    const checks: ScenarioCheck[] = JSON.parse(readFileSync(join(folder, output, entry, 'checks.json'), 'utf8'))
    const failed = checks.filter(({ status }) => status === 'FAILURE')
    failures.set(
      scenario,
      failed.map(({ id, errorMessage }) => `${id}: ${errorMessage ?? 'failed'}`),
    )
  }
  return failures
}

await run('npm', ['init', '--yes'])
await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${suitePackage}@${values.suite}`])
await using server = await TestServer.start()
await using fixtures = await Fixtures.open(server)
const plainFailures = await failuresAt(`${server.url}/mcp`, 'plain')
const fixtureFailures = await failuresAt(fixtures.url, 'fixtures')
rmSync(folder, { recursive: true, force: true })

const failed = [...plainFailures].filter(
  ([scenario, checks]) => checks.length > 0 && fixtureFailures.get(scenario)?.length !== 0,
)
const unexpected = failed.filter(([scenario]) => !Object.hasOwn(expected.failures, scenario))
const unexpectedPasses = Object.keys(expected.failures).filter((scenario) => !failed.some(([one]) => one === scenario))
for (const [scenario, reason] of Object.entries(expected.failures)) console.log(`expected: ${scenario}: ${reason}`)
for (const [scenario, checks] of unexpected) console.log(`fails: ${scenario}: ${checks.join('; ')}`)
for (const scenario of unexpectedPasses) console.log(`passes or is gone: ${scenario}`)
console.log(
  `${suitePackage} ${values.suite}: ${plainFailures.size - failed.length} of ${plainFailures.size} scenarios pass`,
)
process.exitCode = plainFailures.size === 0 || unexpected.length + unexpectedPasses.length > 0 ? 1 : 0
