import { priorityOfRank } from '@tony/mcp-shared/priorities'
import { type leasedTask, type TaskStatus, type task, taskProgress, taskStatuses } from '@tony/mcp-shared/tasks'
import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import { type Query, type Reader, statement } from '../store/store.ts'
import type { Tables } from '../store/tables.ts'
import { iso, isoOrNull } from '../times.ts'

export type TaskRow = Tables['tasks']['$inferSelect']
export type TaskOutput = z.output<typeof task>
export type LeasedTask = z.output<typeof leasedTask>

const dependenciesOf = statement(({ db, t, p }: Query<{ taskId: string }>) =>
  db
    .select({ id: t.taskDependencies.dependsOnId })
    .from(t.taskDependencies)
    .where(eq(t.taskDependencies.taskId, p.taskId))
    .prepare(),
)

/** A stored task's status as the closed word it is: a CHECK of the table keeps others out. */
export const statusOf = (row: { readonly status: string }): TaskStatus => {
  const status = taskStatuses.find((word) => word === row.status)
  if (!status) throw new Error(`a task has the unknown status ${row.status}`)
  return status
}

/** A row as callers see it. */
export async function presentTask(reader: Reader, row: TaskRow): Promise<TaskOutput> {
  // The row of a task that waits still names the last holder, whose late `complete` counts until it is claimed again.
  const waits = row.status === 'pending' || row.status === 'blocked'
  const dependsOn = row.dependencies === 0 ? [] : await reader.run(dependenciesOf, { taskId: row.id })
  return {
    id: row.id,
    externalId: row.externalId,
    type: row.type,
    epic: row.epic,
    story: row.story,
    title: row.title,
    description: row.description,
    parentId: row.parentId,
    dependsOn: dependsOn.map((dependency) => dependency.id),
    requires: JSON.parse(row.requires),
    assignedTo: row.assignedTo,
    priority: priorityOfRank(row.priority),
    status: statusOf(row),
    attempt: row.attempt,
    failures: row.failures,
    maxAttempts: row.maxAttempts,
    notBefore: isoOrNull(row.notBefore),
    claimedBy: waits ? null : row.agentId,
    leaseExpiresAt: waits ? null : isoOrNull(row.leaseExpiresAt),
    progress: row.progress === null ? null : taskProgress.parse(JSON.parse(row.progress)),
    result: row.result === null ? null : JSON.parse(row.result),
    error: row.error,
    revision: row.revision,
    metadata: JSON.parse(row.metadata),
    createdBy: row.createdBy,
    createdAt: iso(row.createdAt),
    completedAt: isoOrNull(row.completedAt),
  }
}

/** A row its claimer sees: with the token that proves the lease. */
export async function presentLease(reader: Reader, row: TaskRow): Promise<LeasedTask> {
  if (row.leaseToken === null || row.leaseExpiresAt === null) throw new Error(`task ${row.id} has no lease`)
  const presented = await presentTask(reader, row)
  return { ...presented, leaseToken: row.leaseToken, leaseExpiresAt: iso(row.leaseExpiresAt) }
}
