/** The tree and its view, as the address of the page has them. */
export interface PlanSearch {
  readonly epic?: string
  readonly taskId?: string
  readonly view?: 'graph'
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** Reads the address. A task goes before an epic, because a tree has one root. */
export function parsePlanSearch(search: Record<string, unknown>): PlanSearch {
  const taskId = textOf(search['taskId'])
  const epic = textOf(search['epic'])
  return {
    ...(taskId === undefined ? (epic === undefined ? {} : { epic }) : { taskId }),
    ...(search['view'] === 'graph' ? { view: 'graph' } : {}),
  }
}
