import { messageStatusNames } from './statuses.ts'

/** The filters of the page, as its address has them. */
export interface MessageSearch {
  readonly status?: (typeof messageStatusNames)[number]
  readonly agent?: string
  readonly thread?: string
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** Reads the address. Unknown and wrong fields are dropped, because people edit addresses. */
export function parseMessageSearch(search: Record<string, unknown>): MessageSearch {
  const status = messageStatusNames.find((one) => one === search['status'])
  const agent = textOf(search['agent'])
  const thread = textOf(search['thread'])
  return {
    ...(status === undefined ? {} : { status }),
    ...(agent === undefined ? {} : { agent }),
    ...(thread === undefined ? {} : { thread }),
  }
}
