import { priorityOfRank } from '@tony/mcp-shared/priorities'
import { type TaskStatus, taskStatuses } from '@tony/mcp-shared/task-statuses'
import { namedDependencyKinds, taskHold } from '@tony/mcp-shared/task-waits'
import {
  artifact,
  inputAnswer,
  inputRequest,
  type leasedTask,
  review,
  type task,
  taskProgress,
} from '@tony/mcp-shared/tasks'
import { and, eq } from 'drizzle-orm'
import type { z } from 'zod'
import { dependencyKinds, isOwnKindSql } from '../../domain/tasks/dependency-kinds.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { iso, isoOrNull } from '../../platform/times.ts'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'

export type TaskOutput = z.output<typeof task>
export type LeasedTask = z.output<typeof leasedTask>

const findOwnDependencies = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({ taskId: t.taskDependencies.dependsOnId, kind: t.taskDependencies.kind })
    .from(t.taskDependencies)
    .where(and(eq(t.taskDependencies.taskId, p.taskId), isOwnKindSql(t.taskDependencies.kind)))
    .prepare(),
)

const findArtifacts = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({
      name: t.artifacts.name,
      uri: t.artifacts.uri,
      sha256: t.artifacts.sha256,
      bytes: t.artifacts.bytes,
      mediaType: t.artifacts.mediaType,
    })
    .from(t.artifacts)
    .where(eq(t.artifacts.taskId, p.taskId))
    .orderBy(t.artifacts.name)
    .prepare(),
)

const findOrphans = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({
      attempt: t.orphanResults.attempt,
      agentId: t.orphanResults.agentId,
      result: t.orphanResults.result,
      at: t.orphanResults.at,
    })
    .from(t.orphanResults)
    .where(eq(t.orphanResults.taskId, p.taskId))
    .orderBy(t.orphanResults.attempt)
    .prepare(),
)

/**
 * Returns the parts of a task that are in other tables. A count in the task's row tells if a query
 * is needed.
 */
async function relatedRowsOf(reader: Reader, row: TaskRow) {
  const taskId = row.id
  const dependencies = row.dependencies === 0 ? [] : await reader.run(findOwnDependencies, { taskId })
  const artifacts = row.artifacts === 0 ? [] : await reader.run(findArtifacts, { taskId })
  const orphans = row.orphans === 0 ? [] : await reader.run(findOrphans, { taskId })
  return {
    dependsOn: dependencies.filter(({ kind }) => kind === dependencyKinds.blocks).map((other) => other.taskId),
    waitsFor: dependencies.flatMap((other): TaskOutput['waitsFor'] => {
      const kind = namedDependencyKinds.find((word) => dependencyKinds[word] === other.kind)
      return kind === undefined ? [] : [{ taskId: other.taskId, kind }]
    }),
    artifacts: artifacts.map(({ name, uri, sha256, bytes, mediaType }) =>
      artifact.parse({
        name,
        uri,
        sha256: sha256 ?? undefined,
        bytes: bytes ?? undefined,
        mediaType: mediaType ?? undefined,
      }),
    ),
    orphanResults: orphans.map(({ attempt, agentId, result, at }) => ({
      attempt,
      agentId,
      result: result === null ? null : JSON.parse(result),
      at: iso(at),
    })),
  }
}

/** Parses a column of JSON with the schema of its content. */
const parseJson = <T>(schema: z.ZodType<T>, text: string | null): T | null =>
  text === null ? null : schema.parse(JSON.parse(text))

/** Returns a stored task's status as an enum value. A CHECK of the table rejects any other text. */
export const taskStatusOf = (row: { readonly status: string }): TaskStatus => {
  const status = taskStatuses.find((word) => word === row.status)
  if (!status) throw new Error(`a task has the unknown status ${row.status}`)
  return status
}

/** Serializes a task. */
export async function toTask(reader: Reader, row: TaskRow): Promise<TaskOutput> {
  // The row of a waiting task names the last holder, whose late `complete` counts until the next
  // claim.
  const isUnclaimed = row.status === 'pending' || row.status === 'blocked' || row.status === 'input_required'
  return {
    ...(await relatedRowsOf(reader, row)),
    id: row.id,
    externalId: row.externalId,
    type: row.type,
    epic: row.epic,
    story: row.story,
    title: row.title,
    description: row.description,
    acceptanceCriteria: row.acceptanceCriteria,
    design: row.design,
    notes: row.notes,
    parentId: row.parentId,
    onDependencyFailure: row.onDependencyFailure === 'fail' ? 'fail' : 'block',
    onChildrenEnd: row.rollsUp === 1 ? 'complete' : 'claim',
    hold: parseJson(taskHold, row.hold),
    requires: JSON.parse(row.requires),
    locks: row.locks === null ? [] : JSON.parse(row.locks),
    assignedTo: row.assignedTo,
    priority: priorityOfRank(row.priority),
    status: taskStatusOf(row),
    acceptance: row.acceptance === 'verify' ? 'verify' : 'complete',
    attempt: row.attempt,
    failures: row.failures,
    maxAttempts: row.maxAttempts,
    notBefore: isoOrNull(row.notBefore),
    scheduleToStartMs: row.scheduleToStartMs,
    startToCloseMs: row.startToCloseMs,
    scheduleToCloseMs: row.closeBy === null ? null : row.closeBy - row.createdAt,
    timeoutAt: isoOrNull(row.timeoutAt),
    claimedBy: isUnclaimed ? null : row.agentId,
    // A lease that expired with the last attempt is still in the row.
    leaseExpiresAt: row.status === 'in_progress' ? isoOrNull(row.leaseExpiresAt) : null,
    progress: parseJson(taskProgress, row.progress),
    result: row.result === null ? null : JSON.parse(row.result),
    error: row.error,
    inputRequest: parseJson(inputRequest, row.inputRequest),
    input: parseJson(inputAnswer, row.input),
    review: parseJson(review, row.review),
    revision: row.revision,
    metadata: JSON.parse(row.metadata),
    createdBy: row.createdBy,
    createdAt: iso(row.createdAt),
    completedAt: isoOrNull(row.completedAt),
  }
}

/** Serializes a task for its holder, with its lease token. */
export async function toLeasedTask(reader: Reader, row: TaskRow): Promise<LeasedTask> {
  if (row.leaseToken === null || row.leaseExpiresAt === null) throw new Error(`task ${row.id} has no lease`)
  return { ...(await toTask(reader, row)), leaseToken: row.leaseToken, leaseExpiresAt: iso(row.leaseExpiresAt) }
}
