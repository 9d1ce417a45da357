import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { alertRules } from '../../scripts/alert-rules.ts'
import { panels } from '../../scripts/grafana-panels.ts'
import { monitoringFiles } from '../../scripts/monitoring-files.ts'
import { promtool, runPromtool } from '../support/promtool.ts'
import { TestServer } from '../support/server.ts'

const pathOf = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url))
const rulesFile = pathOf('deploy/prometheus/rules.yml')

test.each(Object.entries(monitoringFiles))('%s is the one that its data makes', (path, format) => {
  expect(readFileSync(pathOf(path), 'utf8')).toBe(format())
})

test('the page of observability has each alert with its action', () => {
  const page = readFileSync(pathOf('docs/observability.md'), 'utf8')
  const lines = page.split('\n')
  const missing = alertRules.filter(
    ({ name, action }) => !lines.some((line) => line.includes(`\`${name}\``) && line.includes(action)),
  )
  expect(missing.map(({ name }) => name)).toEqual([])
})

const queries = panels.flatMap((panel) => Object.values(panel.queries))

test('every metric of a rule and of the dashboard is in a scrape', async () => {
  await using server = await TestServer.start()
  await server.agent('ada')
  await server.connect().tasks.create({ type: 'code' })
  const text = await (await fetch(`${server.url}/metrics`)).text()
  const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  const used = [...alertRules.map(({ expr }) => expr), ...queries].flatMap((query) =>
    [...query.matchAll(/\b(?:tony|nodejs)_[a-z0-9_]+/g)].map(([name]) => name.replace(/_bucket$/, '')),
  )
  expect([...new Set(used)].filter((name) => !known.has(name))).toEqual(
    server.parts.store.walBytes ? [] : ['tony_wal_bytes'],
  )
})

test('the gauges of projects count once, and not once for each replica', async () => {
  await using server = await TestServer.start()
  await server.connect().tasks.create({ type: 'code' })
  const text = await (await fetch(`${server.url}/metrics`)).text()
  const gauges = new Set([...text.matchAll(/^(tony_\w+)\{project=/gm)].map(([, name]) => name))
  const each = [...alertRules.map(({ expr }) => expr), ...queries].flatMap((query) =>
    [...query.matchAll(/(\w+(?: by \([^)]*\))? ?\()?\b(tony_\w+)/g)].filter(([, , name]) => gauges.has(name)),
  )
  expect(each.length).toBeGreaterThan(5)
  expect(each.filter(([, aggregation = '']) => !aggregation.startsWith('max')).map(([found]) => found)).toEqual([])
})

/** Runs promtool on a file with this content. JSON is YAML too. */
async function runOnFile(command: 'check' | 'test', content: object): Promise<{ code: number; output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'tony-rules-'))
  try {
    const file = join(folder, 'file.yml')
    writeFileSync(file, JSON.stringify(content))
    return await runPromtool([command, 'rules', file])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test.runIf(promtool)('promtool accepts the rules and every query of the dashboard', async () => {
  expect(await runPromtool(['check', 'rules', rulesFile])).toMatchObject({ code: 0 })
  const rules = queries.map((query, index) => ({
    record: `query:${index}`,
    expr: query.replaceAll('$__rate_interval', '1m'),
  }))
  expect(await runOnFile('check', { groups: [{ name: 'queries', rules }] })).toMatchObject({ code: 0 })
})

type Series = Readonly<Record<string, string>>

const inputOf = (series: Series) => ({
  interval: '1m',
  input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
})

/** Returns a test of promtool in which one rule gets its series, and fires or does not. */
const ruleTest = (name: string, series: Series, fires: boolean) => ({
  ...inputOf(series),
  promql_expr_test: [
    {
      expr: `count(ALERTS{alertname="${name}",alertstate="firing"}) > 0`,
      eval_time: '10m',
      exp_samples: fires ? [{ labels: '{}', value: 1 }] : [],
    },
  ],
})

const runTests = (tests: readonly object[]) =>
  runOnFile('test', { rule_files: [rulesFile], evaluation_interval: '1m', tests })

test.runIf(promtool)('each rule fires on its trouble, and none on nothing', async () => {
  const tests = alertRules.flatMap(({ name, firing }) => [ruleTest(name, firing, true), ruleTest(name, {}, false)])
  expect(await runTests(tests)).toMatchObject({ code: 0 })
})

test.runIf(promtool)('waiting tasks fire if nothing was ever claimed, and rest while others are claimed', async () => {
  const waiting = { 'tony_oldest_ready_seconds{project="default",priority="normal"}': '60+60x20' }
  const claims = { 'tony_events_total{type="task.claimed"}': '7+1x20' }
  const fresh = { 'tony_oldest_ready_seconds{project="default",priority="normal"}': '_x7 60+60x20' }
  const tests = [
    ruleTest('TonyNoProgress', waiting, true),
    ruleTest('TonyNoProgress', { ...waiting, ...claims }, false),
    ruleTest('TonyNoProgress', fresh, false),
  ]
  expect(await runTests(tests)).toMatchObject({ code: 0 })
})

test.runIf(promtool)('a trouble of a project is one alert, however many replicas tell of it', async () => {
  const replicas = ['a:3456', 'b:3456', 'c:3456']
  const ofReplicas = (series: Series) =>
    Object.fromEntries(
      Object.entries(series).flatMap(([one, values]) =>
        replicas.map((instance) => [one.replace('}', `,instance="${instance}"}`), values]),
      ),
    )
  const ofProjects = alertRules.filter(({ firing }) => Object.keys(firing).some((one) => one.includes('{project=')))
  const tests = ofProjects.map(({ name, firing }) => ruleTest(name, ofReplicas(firing), true))
  expect(tests.length).toBeGreaterThan(4)
  expect(await runTests(tests)).toMatchObject({ code: 0 })
})

test.runIf(promtool)('the dashboard shows three replicas the numbers of their database', async () => {
  const query = panels.find(({ title }) => title === 'Tasks by status')?.queries['{{status}}']
  const series = ['a', 'b', 'c'].flatMap((instance) =>
    ['one', 'two'].map((project) => [
      `tony_tasks{instance="${instance}",project="${project}",status="pending"}`,
      '4x5',
    ]),
  )
  const tests = [
    {
      ...inputOf(Object.fromEntries(series)),
      promql_expr_test: [{ expr: query, eval_time: '3m', exp_samples: [{ labels: '{status="pending"}', value: 8 }] }],
    },
  ]
  expect(await runTests(tests)).toMatchObject({ code: 0 })
})
