import { styleText } from 'node:util'
import { type Cell, formatCell } from './cells.ts'

/** The columns of a table: the title of each, and its cell for a row. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => Cell>>

/** Width of a cell beyond which it is cut on a terminal. */
const maxCellWidth = 60

const cut = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`)

/** `styleText` prints no colours if NO_COLOR is set or the output is no terminal. */
const bold = (text: string): string => styleText('bold', text, { stream: process.stdout })

/** Returns the lines of a table with its titles. */
export function formatTable<Row>(columns: Columns<Row>, rows: readonly Row[]): string[] {
  const titles = Object.keys(columns)
  const isTerminal = process.stdout.isTTY
  const cells = rows.map((row) =>
    Object.values(columns).map((cellOf) => {
      const cell = formatCell(cellOf(row))
      return isTerminal ? cut(cell, maxCellWidth) : cell
    }),
  )
  const widths = titles.map((title, index) => Math.max(title.length, ...cells.map((line) => line[index]?.length ?? 0)))
  const toLine = (line: readonly string[]) =>
    line.map((cell, index) => (index === line.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join('  ')
  return [bold(toLine(titles.map((title) => title.toUpperCase()))), ...cells.map(toLine)]
}
