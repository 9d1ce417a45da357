import { lockKindOf } from '@tony/mcp-shared/locks'
import type { explainPredicates } from '@tony/mcp-shared/task-queries'
import { endedStatuses } from '@tony/mcp-shared/task-statuses'
import { taskHold } from '@tony/mcp-shared/task-waits'
import { inputRequest } from '@tony/mcp-shared/tasks'
import { eq } from 'drizzle-orm'
import { isEpicPaused } from '../../domain/projects/epics.ts'
import { dependencyKinds, isOpenEdge } from '../../domain/tasks/dependency-kinds.ts'
import { type LockConflict, lockConflictOf } from '../../domain/tasks/locks.ts'
import type { TaskRow } from '../../domain/tasks/task-row.ts'
import { iso } from '../../platform/times.ts'
import { type Reader, type StatementParts, statement } from '../../store/store.ts'

export type ExplainPredicate = (typeof explainPredicates)[number]

interface ExplainReason {
  readonly predicate: ExplainPredicate
  readonly message: string
}

const findAgentName = statement(({ db, t, p }: StatementParts<{ agentId: string }>) =>
  db.select({ name: t.agents.name }).from(t.agents).where(eq(t.agents.id, p.agentId)).prepare(),
)

const findDependencies = statement(({ db, t, p }: StatementParts<{ taskId: string }>) =>
  db
    .select({ id: t.tasks.id, title: t.tasks.title, status: t.tasks.status, kind: t.taskDependencies.kind })
    .from(t.taskDependencies)
    .innerJoin(t.tasks, eq(t.tasks.id, t.taskDependencies.dependsOnId))
    .where(eq(t.taskDependencies.taskId, p.taskId))
    .prepare(),
)

const findProjectPause = statement(({ db, t, p }: StatementParts<{ project: string }>) =>
  db.select({ pausedAt: t.projects.pausedAt }).from(t.projects).where(eq(t.projects.id, p.project)).prepare(),
)

const untilText = (at: number | null): string => (at === null ? '' : ` until ${iso(at)}`)

async function agentNameOf(reader: Reader, agentId: string | null): Promise<string> {
  if (agentId === null) return 'an unknown agent'
  const [agent] = await reader.run(findAgentName, { agentId })
  return agent?.name ?? agentId
}

/** The statuses of a dependency that keep a task blocked, with the way to unblock it. */
const endedDependencyText: Readonly<Record<string, string>> = {
  failed: 'failed: it stays blocked unless that one is retried',
  cancelled: 'was cancelled: it stays blocked unless its dependencies are changed',
}

const { failure, child, childOf, inherited, inheritedFailure } = dependencyKinds

/** The beginning of a reason, for the kinds other than `blocks`. */
const waitTexts: ReadonlyMap<number, string> = new Map([
  [failure, 'waits for the failure of'],
  [child, 'waits for the end of its child'],
  [childOf, 'waits for the end of the child'],
  [inherited, 'waits, as its parent does, for'],
  [inheritedFailure, 'waits, as its parent does, for the failure of'],
])

function stateText(kind: number, status: string): string {
  const ended = kind === failure || kind === inheritedFailure ? `is ${status}` : endedDependencyText[status]
  return `which ${ended ?? `is ${status}`}`
}

async function dependencyReasons(reader: Reader, row: TaskRow): Promise<ExplainReason[]> {
  if (row.openDeps === 0) return []
  const dependencies = await reader.run(findDependencies, { taskId: row.id })
  return dependencies
    .filter(({ kind, status }) => isOpenEdge(kind, status))
    .map(({ id, title, status, kind }) => {
      const other = `${title === null ? 'task' : `"${title}",`} ${id}`
      return {
        predicate: 'dependencies',
        message: `${waitTexts.get(kind) ?? 'waits for'} ${other}, ${stateText(kind, status)}`,
      }
    })
}

async function lockReason(reader: Reader, lock: string, conflict: LockConflict): Promise<ExplainReason> {
  const predicate = lockKindOf(lock) === 'pool' ? 'pool' : 'lock'
  if (conflict.taskId === null)
    return { predicate, message: `the pool of ${lock} has size 0 or none: set it with projects.setPools` }
  const holder = `task ${conflict.taskId} of ${await agentNameOf(reader, conflict.agentId)}`
  if (predicate === 'pool') return { predicate, message: `${lock} is full; ${holder} holds one of its slots` }
  return { predicate, message: `it needs ${lock}; ${holder} holds ${conflict.lock === lock ? 'it' : conflict.lock}` }
}

async function lockReasons(reader: Reader, row: TaskRow): Promise<ExplainReason[]> {
  const wanted: string[] = row.locks === null ? [] : JSON.parse(row.locks)
  const reasons: ExplainReason[] = []
  for (const lock of wanted) {
    const conflict = await lockConflictOf(reader, { project: row.projectId, lock, taskId: row.id })
    if (conflict) reasons.push(await lockReason(reader, lock, conflict))
  }
  return reasons
}

async function pauseReasons(reader: Reader, row: TaskRow): Promise<ExplainReason[]> {
  const reasons: ExplainReason[] = []
  const [project] = await reader.run(findProjectPause, { project: row.projectId })
  if (project?.pausedAt != null)
    reasons.push({ predicate: 'project_paused', message: `the project is paused since ${iso(project.pausedAt)}` })
  if (row.epic !== null && (await isEpicPaused(reader, row.projectId, row.epic)))
    reasons.push({ predicate: 'epic_paused', message: `the epic ${row.epic} is paused` })
  return reasons
}

async function holdReasons(reader: Reader, row: TaskRow): Promise<ExplainReason[]> {
  if (row.hold === null) return []
  const { reason, by, at } = taskHold.parse(JSON.parse(row.hold))
  const holder = by === null ? 'the developer or an import' : await agentNameOf(reader, by)
  return [{ predicate: 'hold', message: `${holder} holds it back since ${at}, until tasks.unhold: ${reason}` }]
}

/** Returns the reasons why no agent can claim a waiting task. */
async function waitingReasons(reader: Reader, row: TaskRow): Promise<ExplainReason[]> {
  const reasons = [...(await holdReasons(reader, row)), ...(await dependencyReasons(reader, row))]
  if (row.notBefore !== null && row.notBefore > reader.now) {
    const what = row.failures > 0 ? 'tried again after a failure' : 'to be claimed'
    reasons.push({ predicate: 'not_before', message: `it is not ${what} before ${iso(row.notBefore)}` })
  }
  return [...reasons, ...(await lockReasons(reader, row)), ...(await pauseReasons(reader, row))]
}

function inputReason(row: TaskRow): ExplainReason {
  const asked = row.inputRequest === null ? undefined : inputRequest.parse(JSON.parse(row.inputRequest))
  const deadline = asked?.deadlineAt == null ? '' : ` until ${asked.deadlineAt}`
  const message = `attempt ${row.attempt} waits for an answer${deadline}: ${asked?.question ?? ''}`
  return { predicate: 'input', message }
}

/** Returns the reasons why no agent can claim a task; empty if there are none. */
export async function reasonsOf(reader: Reader, row: TaskRow): Promise<ExplainReason[]> {
  if (endedStatuses.some((status) => status === row.status)) {
    const error = row.error === null ? '' : `: ${row.error}`
    return [
      { predicate: 'ended', message: `it is ${row.status} since ${iso(row.completedAt ?? row.createdAt)}${error}` },
    ]
  }
  switch (row.status) {
    case 'in_progress': {
      const holder = await agentNameOf(reader, row.agentId)
      return [
        { predicate: 'held', message: `${holder} holds it, attempt ${row.attempt},${untilText(row.leaseExpiresAt)}` },
      ]
    }
    case 'input_required':
      return [inputReason(row)]
    case 'in_review':
      return [
        { predicate: 'review', message: `waits for a verdict on what ${await agentNameOf(reader, row.agentId)} did` },
      ]
    default:
      return waitingReasons(reader, row)
  }
}
