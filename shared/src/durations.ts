import { z } from 'zod'

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const unitMsOf = (text: string): number => {
  const [unit] = Object.entries(units).flatMap(([letter, ms]) => (text.endsWith(letter) ? [ms] : []))
  return unit ?? 1
}

/**
 * A duration that people write, such as `30s`, `15m`, `12h` or `30d`, or `0`. It is parsed to
 * milliseconds.
 */
export const duration = z
  .string()
  .regex(/^(0|[1-9]\d{0,5}[smhd])$/, 'must be a number and a unit, such as 30s, 15m, 12h or 30d, or 0')
  .transform((text) => Number.parseInt(text, 10) * unitMsOf(text))
