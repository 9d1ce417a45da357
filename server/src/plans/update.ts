import { CoordinationError } from '@tony/mcp-shared/errors'
import type { TaskSpec } from '@tony/mcp-shared/tasks'
import { and, eq, sql } from 'drizzle-orm'
import { countOpen, described, insertDependency, resolveAssignee, type TaskRow } from '../intake/add.ts'
import { canonicalRequires, routeFor } from '../intake/route.ts'
import { requirePools } from '../leases/locks.ts'
import { actorOf, type Principal } from '../principal.ts'
import { isAnyOf } from '../store/literals.ts'
import { type Query, statement, type Transaction } from '../store/store.ts'

const edgesOf = statement(({ db, t, p }: Query<{ taskId: string }>) =>
  db
    .select({ id: t.taskDependencies.dependsOnId })
    .from(t.taskDependencies)
    .where(eq(t.taskDependencies.taskId, p.taskId))
    .prepare(),
)

/** Refuses an edge that closes a cycle with edges the store has. */
async function refuseCycle(tx: Transaction, task: TaskRow, dependsOn: readonly string[]): Promise<void> {
  const seen = new Set<string>()
  const open = [...dependsOn]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === task.id) {
      throw new CoordinationError('DEPENDENCY_CYCLE', `${task.externalId ?? task.id} would wait for itself`, {
        taskId: task.id,
      })
    }
    if (seen.has(next)) continue
    seen.add(next)
    for (const { id } of await tx.run(edgesOf, { taskId: next })) open.push(id)
  }
}

async function replaceEdges(tx: Transaction, task: TaskRow, dependsOn: readonly string[]): Promise<void> {
  await refuseCycle(tx, task, dependsOn)
  const { taskDependencies } = tx.t
  await tx.db.delete(taskDependencies).where(eq(taskDependencies.taskId, task.id))
  for (const dependsOnId of dependsOn) await tx.run(insertDependency, { taskId: task.id, dependsOnId })
}

/** Sets an imported task to what its plan says now. What has been done with it, its status and its result, stays. */
export async function updatePlanned(
  tx: Transaction,
  principal: Principal,
  known: TaskRow,
  planned: TaskSpec,
  planHash: string,
): Promise<void> {
  const { project } = principal
  const dependsOn = [...new Set(planned.dependsOn)]
  await replaceEdges(tx, known, dependsOn)
  const openDeps = await countOpen(tx, project, dependsOn)
  await requirePools(tx, project, planned.locks)
  const assignedTo = planned.assignedTo === undefined ? null : await resolveAssignee(tx, project, planned.assignedTo)
  const requires = canonicalRequires(planned.requires)
  const routeId = await routeFor(tx, { project, requires, assignedTo: assignedTo ?? '' })
  const given = planned.notBefore === undefined ? null : Date.parse(planned.notBefore)
  const { tasks } = tx.t
  const waiting = isAnyOf(tasks.status, ['blocked', 'pending'])
  // After a failure it is the wait of the retry, which no plan shortens.
  const notBefore = sql`case when ${waiting} and ${tasks.failures} = 0 then ${given} else ${tasks.notBefore} end`
  const claimable = sql`${waiting} and ${openDeps} = 0 and coalesce(${notBefore}, 0) <= ${tx.now}`
  const [row] = await tx.db
    .update(tasks)
    .set({
      planHash,
      ...described(planned),
      closeBy: sql`${tasks.createdAt} + ${planned.scheduleToCloseMs ?? null}`,
      requires,
      assignedTo,
      routeId,
      notBefore,
      dependencies: dependsOn.length,
      openDeps,
      status: sql`case when ${waiting} then ${openDeps > 0 ? 'blocked' : 'pending'} else ${tasks.status} end`,
      ready: sql`case when ${claimable} then ${routeId} end`,
      readyAt: sql`case when ${claimable} then coalesce(${tasks.readyAt}, ${tx.now}) end`,
      parkedOn: null,
      revision: sql`${tasks.revision} + 1`,
    })
    .where(and(eq(tasks.id, known.id), eq(tasks.projectId, project)))
    .returning()
  if (!row) throw new Error('an imported task vanished')
  const data = { status: row.status, title: row.title, externalId: row.externalId }
  tx.append({ type: 'task.updated', subject: row.id, actor: actorOf(principal), taskId: row.id, epic: row.epic, data })
  if (row.ready !== null) tx.wake({ topic: 'tasks', project, requires, assignedTo: assignedTo ?? '', count: 1 })
}
