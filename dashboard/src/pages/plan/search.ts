import { type AddressFields, pickTexts, pickWord } from '../../data/search-fields.ts'

/** The tree and its view, as the address of the page has them. */
export interface PlanSearch {
  readonly epic?: string
  readonly taskId?: string
  readonly view?: 'graph'
}

/** Reads the address. A task goes before an epic, because a tree has one root. */
export function parsePlanSearch(fields: AddressFields): PlanSearch {
  const { taskId, epic } = pickTexts(fields, ['taskId', 'epic'])
  return {
    ...(taskId === undefined ? (epic === undefined ? {} : { epic }) : { taskId }),
    ...pickWord(fields, 'view', ['graph']),
  }
}
