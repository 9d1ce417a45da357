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

/** Returns a test of promtool in which one rule gets its series, and fires or does not. */
const ruleTest = (name: string, series: Readonly<Record<string, string>>) => ({
  interval: '1m',
  input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
  promql_expr_test: [
    {
      expr: `count(ALERTS{alertname="${name}",alertstate="firing"}) > 0`,
      eval_time: '10m',
      exp_samples: Object.keys(series).length === 0 ? [] : [{ labels: '{}', value: 1 }],
    },
  ],
})

test.runIf(promtool)('each rule fires on its trouble, and none on nothing', async () => {
  const tests = alertRules.flatMap(({ name, firing }) => [ruleTest(name, firing), ruleTest(name, {})])
  const content = { rule_files: [rulesFile], evaluation_interval: '1m', tests }
  expect(await runOnFile('test', content)).toMatchObject({ code: 0 })
})
