import { nameOf, ratioText } from './format.ts'
import type { Row } from './rows.ts'

const [width, rowHeight, left, top] = [820, 22, 330, 56]
const plotWidth = width - left - 80

/** The scale is logarithmic, from a twentieth to twenty times. */
const [least, most] = [0.05, 20]
const xOf = (ratio: number): number => {
  const within = Math.min(most, Math.max(least, ratio))
  return left + (Math.log(within / least) / Math.log(most / least)) * plotWidth
}

const escaped = (text: string): string => text.replaceAll('`', '').replaceAll('&', '&amp;').replaceAll('<', '&lt;')

const ticks = [0.1, 0.25, 0.5, 1, 2, 4, 10]

/**
 * Draws the rate of this product by that of each peer. A bar to the right of 1 means that this
 * product is faster.
 */
export function pictureOf(rows: readonly Row[]): string {
  const bars = rows.filter(({ isPeer, ratio }) => isPeer && ratio !== undefined && Number.isFinite(ratio))
  const height = top + bars.length * rowHeight + 24
  const one = xOf(1)
  const grid = ticks.map((tick) => {
    const x = xOf(tick).toFixed(1)
    const line = `<line x1="${x}" y1="${top - 8}" x2="${x}" y2="${height - 20}" stroke="${tick === 1 ? '#333' : '#ddd'}"/>`
    return `${line}<text x="${x}" y="${top - 14}" text-anchor="middle" fill="#555">${tick} ×</text>`
  })
  const drawn = bars.map((row, index) => {
    const ratio = row.ratio ?? 1
    const [from, to] = [Math.min(one, xOf(ratio)), Math.max(one, xOf(ratio))]
    const y = top + index * rowHeight
    const label = `${row.work}: ${nameOf({ ...row, form: '' })}`
    return [
      `<text x="${left - 10}" y="${y + 14}" text-anchor="end" fill="#222">${escaped(label)}</text>`,
      `<rect x="${from.toFixed(1)}" y="${y + 3}" width="${Math.max(1, to - from).toFixed(1)}" height="${rowHeight - 8}" fill="${ratio >= 1 ? '#2f855a' : '#c05621'}"/>`,
      `<text x="${(ratio >= 1 ? to + 6 : one + 6).toFixed(1)}" y="${y + 14}" fill="#222">${ratioText(ratio)}</text>`,
    ].join('\n')
  })
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    '<title>Operations a second of Tony by those of each peer</title>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="12" y="20" font-size="14" fill="#222">Operations a second of Tony by those of each peer, at the same work</text>`,
    ...grid,
    ...drawn,
    '</svg>',
  ].join('\n')}\n`
}
