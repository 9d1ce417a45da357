import { eventTypes } from '@tony/mcp-shared/event-words'
import { type AddressFields, pickTexts, pickWord } from '../../data/search-fields.ts'

/** The filter of the page, as its address has it. */
export interface FeedSearch {
  readonly type?: (typeof eventTypes)[number]
  readonly taskId?: string
  readonly agentId?: string
  readonly epic?: string
}

/** Reads the address. Unknown and wrong fields are dropped, because people edit addresses. */
export const parseFeedSearch = (fields: AddressFields): FeedSearch => ({
  ...pickWord(fields, 'type', eventTypes),
  ...pickTexts(fields, ['taskId', 'agentId', 'epic']),
})
