import { expect, test } from 'vitest'
import type { Run } from '../../bench/measure.ts'
import { pictureOf } from '../../bench/report/picture.ts'
import { rowsOf } from '../../bench/report/rows.ts'
import { comparisonOf } from '../../bench/report/tables.ts'

const run = (system: string, perSecond: number, cpuUs: number): Run => ({
  work: 'W1 messages',
  system,
  form: '',
  isPeer: system !== 'Tony',
  counted: 100,
  perSecond,
  serverUs: cpuUs / 2,
  clientUs: cpuUs / 2,
  latencies: { message: { p50Ms: 1, p99Ms: 2 } },
  serverCores: 1,
  serverBytes: 0,
  diskBytes: system === 'Tony' ? 900 : undefined,
  others: 0,
})

const runs = [run('Peer', 50, 30), run('Tony', 100, 10), run('Tony', 120, 10), run('Peer', 80, 30), run('Tony', 90, 10)]

test('a row has the median of its runs, and ratios to the first row of this product', () => {
  const [peer, ours] = rowsOf(runs)
  expect(ours).toMatchObject({ system: 'Tony', perSecond: 100, slowest: 90, fastest: 120, ratio: undefined })
  expect(peer).toMatchObject({ system: 'Peer', perSecond: 80, ratio: 1.25, cpuRatio: 3 })
})

test('the table has a line for each system, and the picture a bar for each peer', () => {
  const rows = rowsOf(runs)
  const { columns, rows: lines } = comparisonOf(rows)
  expect(lines.map(([, system]) => system)).toEqual(['Peer', 'Tony'])
  expect(lines.map((line) => line[columns.indexOf('disk bytes')])).toEqual(['', '900'])
  const picture = pictureOf(rows)
  expect(picture).toContain('W1 messages: Peer')
  expect(picture).toContain('1.25 ×')
  expect(picture).not.toContain('W1 messages: Tony')
})
