import { type AddressFields, pickTexts, pickWord } from '../../data/search-fields.ts'
import { messageStatusNames } from './statuses.ts'

/** The filters of the page, as its address has them. */
export interface MessageSearch {
  readonly status?: (typeof messageStatusNames)[number]
  readonly agent?: string
  readonly thread?: string
}

/** Reads the address. Unknown and wrong fields are dropped, because people edit addresses. */
export const parseMessageSearch = (fields: AddressFields): MessageSearch => ({
  ...pickWord(fields, 'status', messageStatusNames),
  ...pickTexts(fields, ['agent', 'thread']),
})
