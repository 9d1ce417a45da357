import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { Fixtures } from './fixtures.ts'
import { StdioFront } from './stdio-front.ts'

const suite = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
)

interface Ended {
  readonly code: number
  readonly output: string
}

/**
 * Runs the official suite in a folder of its own, because it writes its results to the current
 * folder.
 */
function conformance(...args: readonly string[]): Promise<Ended> {
  const cwd = mkdtempSync(join(tmpdir(), 'tony-conformance-'))
  return new Promise((resolve) => {
    execFile(process.execPath, [suite, ...args], { cwd, timeout: 60_000 }, (error, stdout, stderr) => {
      rmSync(cwd, { recursive: true, force: true })
      resolve({ code: error ? 1 : 0, output: `${stdout}${stderr}` })
    })
  })
}

const overHttp = [
  'server-initialize',
  'ping',
  'tools-list',
  'resources-list',
  'prompts-list',
  'server-sse-polling',
  'server-sse-multiple-streams',
  'dns-rebinding-protection',
] as const

/** The scenarios of the official suite that need the fixtures, on the same endpoint. */
const overFixtures = [
  'tools-call-simple-text',
  'tools-call-image',
  'tools-call-audio',
  'tools-call-embedded-resource',
  'tools-call-mixed-content',
  'tools-call-error',
  'tools-call-with-progress',
  'json-schema-2020-12',
  'resources-read-text',
  'resources-read-binary',
  'resources-templates-read',
  'prompts-get-simple',
  'prompts-get-with-args',
  'prompts-get-embedded-resource',
  'prompts-get-with-image',
  'completion-complete',
] as const

const overStdio = ['server-initialize', 'ping', 'tools-list', 'resources-list', 'prompts-list'] as const

/** The scenarios that `docs/agents.md` lists as not applicable, with a reason. */
const excused = () =>
  [
    ...readFileSync(new URL('../../docs/agents.md', import.meta.url), 'utf8').matchAll(/^\| `([\w-]+)` \| not run: /gm),
  ].map(([, scenario = '']) => scenario)

test('every scenario of the suite is run or listed with a reason', async () => {
  const { output } = await conformance('list')
  const [servers = ''] = output.split('Client scenarios')
  const scenarios = [...servers.matchAll(/^ {2}- ([\w-]+) /gm)].map(([, scenario = '']) => scenario)
  expect(scenarios.length).toBeGreaterThan(30)
  expect([...overHttp, ...overFixtures, ...excused()].toSorted()).toEqual(scenarios.toSorted())
})

describe('the official conformance suite passes', () => {
  test.each(overHttp)('over HTTP: %s', async (scenario) => {
    await using server = await TestServer.start()
    const ended = await conformance('server', '--url', `${server.url}/mcp`, '--scenario', scenario)
    expect(ended, ended.output).toMatchObject({ code: 0 })
    expect(ended.output).not.toMatch(/[1-9]\d* failed/)
  })

  test.each(overFixtures)('over HTTP, with fixtures: %s', async (scenario) => {
    await using server = await TestServer.start()
    await using fixtures = await Fixtures.open(server)
    const ended = await conformance('server', '--url', fixtures.url, '--scenario', scenario)
    expect(ended, ended.output).toMatchObject({ code: 0 })
    expect(ended.output).not.toMatch(/[1-9]\d* failed/)
  })

  test.each(overStdio)('over standard input and output: %s', async (scenario) => {
    await using server = await TestServer.start()
    await using front = await StdioFront.open(server)
    const ended = await conformance('server', '--url', front.url, '--scenario', scenario)
    expect(ended, ended.output).toMatchObject({ code: 0 })
    expect(ended.output).not.toMatch(/[1-9]\d* failed/)
  })
})
