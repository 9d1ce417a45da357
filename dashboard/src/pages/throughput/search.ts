import { type AddressFields, pickWord } from '../../data/search-fields.ts'

export const historyRanges = ['1h', '24h', '7d'] as const

/** The range of the page, as its address has it. */
export interface ThroughputSearch {
  readonly range?: (typeof historyRanges)[number]
}

/** Reads the address. An unknown range is dropped, because people edit addresses. */
export const parseThroughputSearch = (fields: AddressFields): ThroughputSearch =>
  pickWord(fields, 'range', historyRanges)
