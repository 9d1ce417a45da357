/**
 * Runs every server scenario of a pre-release of the official conformance suite against `/mcp`:
 * `npm run conformance`. It installs the suite in a temporary folder. A scenario passes if it
 * passes at the server, or behind the fixtures that it needs. `conformance-failures.json` has the
 * version, and the reason of each scenario that fails. Exits with 1 if others fail, or if one of
 * these passes. `--suite VERSION` runs another version.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Fixtures } from '../tests/bridge/fixtures.ts'
import { TestServer } from '../tests/support/server.ts'

interface Expected {
  readonly version: string
  readonly failures: Readonly<Record<string, string>>
}

const expected: Expected = JSON.parse(readFileSync(new URL('./conformance-failures.json', import.meta.url), 'utf8'))
const { values } = parseArgs({ options: { suite: { type: 'string', default: expected.version } } })
const name = '@modelcontextprotocol/conformance'
const folder = mkdtempSync(join(tmpdir(), 'tony-conformance-'))

/** Runs a program in the folder of the suite. Its output is not shown. */
async function run(command: string, argv: readonly string[]): Promise<void> {
  await once(spawn(command, argv, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] }), 'close')
}

interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

/** Runs all scenarios against an address. Returns the failed checks of each scenario. */
async function failuresAt(url: string, output: string): Promise<Map<string, string[]>> {
  const suite = join(folder, 'node_modules', name, 'dist/index.js')
  await run(process.execPath, [suite, 'server', '--url', url, '--suite', 'all', '-o', output])
  const failures = new Map<string, string[]>()
  for (const entry of readdirSync(join(folder, output))) {
    const scenario = entry.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '')
    const checks: Check[] = JSON.parse(readFileSync(join(folder, output, entry, 'checks.json'), 'utf8'))
    const failed = checks.filter(({ status }) => status === 'FAILURE')
    failures.set(
      scenario,
      failed.map(({ id, errorMessage }) => `${id}: ${errorMessage ?? 'failed'}`),
    )
  }
  return failures
}

await run('npm', ['init', '--yes'])
await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${values.suite}`])
await using server = await TestServer.start()
await using fixtures = await Fixtures.open(server)
const plain = await failuresAt(`${server.url}/mcp`, 'plain')
const withFixtures = await failuresAt(fixtures.url, 'fixtures')
rmSync(folder, { recursive: true, force: true })

const failed = [...plain].filter(([scenario, checks]) => checks.length > 0 && withFixtures.get(scenario)?.length !== 0)
const unexpected = failed.filter(([scenario]) => !Object.hasOwn(expected.failures, scenario))
const passing = Object.keys(expected.failures).filter((scenario) => !failed.some(([one]) => one === scenario))
for (const [scenario, reason] of Object.entries(expected.failures)) console.log(`expected: ${scenario}: ${reason}`)
for (const [scenario, checks] of unexpected) console.log(`fails: ${scenario}: ${checks.join('; ')}`)
for (const scenario of passing) console.log(`passes or is gone: ${scenario}`)
console.log(`${name} ${values.suite}: ${plain.size - failed.length} of ${plain.size} scenarios pass`)
process.exitCode = plain.size === 0 || unexpected.length + passing.length > 0 ? 1 : 0
