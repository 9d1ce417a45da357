import type { Row } from './rows.ts'

/** Formats a number with a thin separator for thousands, or with digits if it is small. */
export const formatted = (value: number): string => {
  if (!Number.isFinite(value)) return '–'
  if (value >= 100) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ')
  return value >= 10 ? value.toFixed(0) : value.toFixed(1)
}

export const ratioText = (ratio: number | undefined): string => (ratio === undefined ? '' : `${ratio.toFixed(2)} ×`)

export const nameOf = ({ system, form }: Row): string => (form ? `${system}: ${form}` : system)

/** The percentiles of the one kind of latency of a compared work. */
export const latencyText = ({ latencies }: Row): string => {
  const [latency] = Object.values(latencies)
  return latency ? `${formatted(latency.p50Ms)} / ${formatted(latency.p99Ms)}` : ''
}

/** True for a row of the works that only this product has. */
export const isOwnWork = ({ work }: Row): boolean => /^(latency|idle)/.test(work)
