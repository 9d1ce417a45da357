import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Run } from '../measure.ts'
import { median } from '../statistics.ts'
import { pictureOf } from './picture.ts'
import { rowsOf } from './rows.ts'
import { type Table, tablesOf } from './tables.ts'

const fileAt = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))

/** Share of the machine in other hands above which a run is marked. */
const busyPercent = 15

const [begin, end] = ['<!-- results -->', '<!-- end of results -->']

const markdownOf = ({ columns, rows }: Table): string =>
  [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

function conditionsOf(runs: readonly Run[], rounds: number, share: number): string {
  const others = runs.map((run) => run.others * 100)
  const [middle, most] = [median(others), Math.max(...others)]
  const date = new Date().toISOString().slice(0, 10)
  return [
    `${date}, ${cpus().length} cores, Node ${process.versions.node}, medians of ${rounds} rounds, ${share} of the operations.`,
    `Other processes used ${middle.toFixed(0)} % of the machine (median), at most ${most.toFixed(0)} %`,
    'during a run.',
    ...(middle > busyPercent
      ? ['**The machine was busy: the rates say nothing about a quiet one, and the ratios little.**']
      : []),
  ].join('\n')
}

/** Writes the tables into the README of the bench, and the picture beside it. */
export function write(runs: readonly Run[], rounds: number, share: number): void {
  const rows = rowsOf(runs)
  const readme = readFileSync(fileAt('README.md'), 'utf8')
  const [before, rest = ''] = readme.split(begin)
  const after = rest.split(end)[1] ?? ''
  const results = [conditionsOf(runs, rounds, share), ...tablesOf(rows).map(markdownOf)].join('\n\n')
  writeFileSync(fileAt('README.md'), `${before}${begin}\n\n${results}\n\n${end}${after}`)
  writeFileSync(fileAt('ratios.svg'), pictureOf(rows))
}
