import type { Tables } from '../../store/tables/tables.ts'

/** A row of the table of tasks. */
export type TaskRow = Tables['tasks']['$inferSelect']
