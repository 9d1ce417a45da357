import { cascadingKinds, isOpenEdge } from '@tony/mcp-server/domain/tasks/dependency-kinds'
import type { Checker } from './checker.ts'
import type { Stored } from './database.ts'
import { eventsOfType } from './lookups.ts'
import { type Violation, violation } from './violation.ts'

/**
 * Returns the position in the log at which a task was completed. A task that was imported as
 * completed has always been so.
 */
function completedAt(id: string, stored: Stored): number {
  const [first] = eventsOfType(stored, id, 'task.completed')
  if (first) return first.seq
  const row = stored.tasks.get(id)
  return row?.status === 'completed' && row.attempt === 0 ? 0 : Number.POSITIVE_INFINITY
}

export const startedBeforeDependency: Checker = (_recorded, stored) => {
  const violations: Violation[] = []
  for (const [taskId, dependencies] of stored.dependencies) {
    const claims = eventsOfType(stored, taskId, 'task.claimed')
    for (const { dependsOnId, kind } of dependencies) {
      if (!cascadingKinds.includes(kind)) continue
      const from = completedAt(dependsOnId, stored)
      const early = claims.filter((claim) => claim.seq <= from)
      if (early.length > 0) {
        violations.push(
          violation('started-before-dependency', `task ${taskId}`, {
            dependsOnId,
            claims: early,
            completed: eventsOfType(stored, dependsOnId, 'task.completed'),
          }),
        )
      }
    }
  }
  return violations
}

export const openDependencies: Checker = (_recorded, stored) =>
  [...stored.tasks.values()].flatMap((row) => {
    const open = (stored.dependencies.get(row.id) ?? []).filter(({ dependsOnId, kind }) =>
      isOpenEdge(kind, stored.tasks.get(dependsOnId)?.status ?? ''),
    )
    return open.length === row.openDeps ? [] : [violation('open-deps-wrong', `task ${row.id}`, { row, open })]
  })
