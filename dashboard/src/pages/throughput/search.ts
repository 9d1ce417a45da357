export const historyRanges = ['1h', '24h', '7d'] as const

/** The range of the page, as its address has it. */
export interface ThroughputSearch {
  readonly range?: (typeof historyRanges)[number]
}

/** Reads the address. An unknown range is dropped, because people edit addresses. */
export function parseThroughputSearch(search: Record<string, unknown>): ThroughputSearch {
  const range = historyRanges.find((one) => one === search['range'])
  return range === undefined ? {} : { range }
}
