import type { Columns } from './columns.ts'

/** Derived edges of the dependency graph that would close a cycle. */
export function defineLeftOutTables(c: Columns) {
  /**
   * They become edges when a change ends the cycle. No foreign key: an older version that deletes a
   * task would fail on it.
   */
  const leftOutDependencies = c.table(
    'left_out_dependencies',
    {
      taskId: c.text('task_id').notNull(),
      dependsOnId: c.text('depends_on_id').notNull(),
      kind: c.integer('kind').notNull(),
    },
    (t) => [c.primaryKey({ columns: [t.taskId, t.dependsOnId, t.kind] }), c.index('left_out_by').on(t.dependsOnId)],
  )
  return { leftOutDependencies }
}
