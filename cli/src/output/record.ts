import { formatCell } from './cells.ts'

const toText = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value))

const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)

/** Returns the fields of an object, one on each line, without the empty ones. */
export function formatRecord(record: object): string {
  const fields = Object.entries(record).filter(([, value]) => !isEmpty(value))
  const width = Math.max(0, ...fields.map(([name]) => name.length))
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${formatCell(toText(value))}`).join('\n')
}
