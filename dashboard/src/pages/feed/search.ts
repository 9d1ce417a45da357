import { eventTypes } from '@tony/mcp-shared/event-words'

/** The filter of the page, as its address has it. */
export interface FeedSearch {
  readonly type?: (typeof eventTypes)[number]
  readonly taskId?: string
  readonly agentId?: string
  readonly epic?: string
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** Reads the address. Unknown and wrong fields are dropped, because people edit addresses. */
export function parseFeedSearch(search: Record<string, unknown>): FeedSearch {
  const type = eventTypes.find((one) => one === search['type'])
  const taskId = textOf(search['taskId'])
  const agentId = textOf(search['agentId'])
  const epic = textOf(search['epic'])
  return {
    ...(type === undefined ? {} : { type }),
    ...(taskId === undefined ? {} : { taskId }),
    ...(agentId === undefined ? {} : { agentId }),
    ...(epic === undefined ? {} : { epic }),
  }
}
