import { taskStatuses } from '@tony/mcp-shared/task-statuses'
import { type AddressFields, pickTexts, pickWord } from '../../data/search-fields.ts'
import type { TaskFilters } from '../../data/task-pages.ts'

/** The filters and the view of the page, as its address has them. */
export interface TaskSearch extends TaskFilters {
  readonly view?: 'board'
}

/** Reads the address. Unknown and wrong fields are dropped, because people edit addresses. */
export const parseTaskSearch = (fields: AddressFields): TaskSearch => ({
  ...pickTexts(fields, ['type', 'epic', 'story', 'claimedBy', 'parentId']),
  ...pickWord(fields, 'status', taskStatuses),
  ...pickWord(fields, 'view', ['board']),
})
