import type { Run } from '../measure.ts'
import { median } from '../statistics.ts'
import { rowsOf } from './rows.ts'
import { tablesOf } from './tables.ts'

/** Prints the tables with columns of equal width. */
export function print(runs: readonly Run[]): void {
  for (const { columns, rows } of tablesOf(rowsOf(runs))) {
    const lines = [columns, ...rows]
    const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)))
    for (const line of lines)
      process.stdout.write(
        `${line
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
      )
    process.stdout.write('\n')
  }
  const others = runs.map((run) => run.others * 100)
  const [middle, most] = [median(others), Math.max(...others)]
  process.stdout.write(
    `other processes used ${middle.toFixed(0)} % of the machine (median), at most ${most.toFixed(0)} %\n`,
  )
}
