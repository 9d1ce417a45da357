import { taskStatuses } from '@tony/mcp-shared/task-statuses'
import type { TaskFilters } from '../../data/task-pages.ts'

/** The filters and the view of the page, as its address has them. */
export interface TaskSearch extends TaskFilters {
  readonly view?: 'board'
}

const names = ['type', 'epic', 'story', 'claimedBy', 'parentId'] as const

/** Reads the address. Unknown and wrong fields are dropped, because people edit addresses. */
export function parseTaskSearch(search: Record<string, unknown>): TaskSearch {
  const status = taskStatuses.find((one) => one === search['status'])
  const texts = names.flatMap((name) => {
    const value = search[name]
    return typeof value === 'string' && value !== '' ? [[name, value]] : []
  })
  return {
    ...Object.fromEntries(texts),
    ...(status === undefined ? {} : { status }),
    ...(search['view'] === 'board' ? { view: 'board' } : {}),
  }
}
